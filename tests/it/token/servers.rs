//! Servers that try to make a token visible: they fail in every way, repeat their requests, and point to other origins.

use serde_json::json;

use super::CANARY;
use crate::account::settled;
use crate::cloud::{Cloud, Fault, FaultRule, HandmadeAction, Options};
use crate::process::{Running, until};
use crate::witness::Witness;

/// A server, and the other origin that some servers point to.
pub(super) struct Server {
    pub(super) name: &'static str,
    kind: Kind,
    pub(super) stranger: Witness,
}

enum Kind {
    Cloud(Cloud),
    Witness(Witness),
}

impl Server {
    pub(super) fn url(&self) -> String {
        match &self.kind {
            Kind::Cloud(cloud) => cloud.url(),
            Kind::Witness(witness) => witness.url().to_owned(),
        }
    }

    /// Waits until the server has a request, or the process has written a message.
    pub(super) fn is_asked(&self, process: &Running) {
        until("it asks", || {
            self.requests() > 0 || !process.said().is_empty()
        });
    }

    fn requests(&self) -> usize {
        match &self.kind {
            Kind::Cloud(cloud) => cloud.requests().len(),
            Kind::Witness(witness) => witness.heads().len(),
        }
    }

    /// True when the server never answers.
    pub(super) fn is_silent(&self) -> bool {
        self.name.starts_with("stall")
    }

    fn of(name: &'static str, kind: impl FnOnce(&Witness) -> Kind) -> Self {
        let stranger = Witness::answering(200, "", "{}");
        Self {
            name,
            kind: kind(&stranger),
            stranger,
        }
    }

    fn broken(name: &'static str, fault: Fault) -> Self {
        Self::of(name, |_| broken(fault))
    }

    /// One server of each kind, each for one test.
    pub(super) fn all() -> Vec<Self> {
        let header = |name: &str| Fault::Header(name.to_owned(), Some(format!("Bearer {CANARY}")));
        // The excerpt of invalid JSON ends in the middle of the token.
        let long = format!("<p>{}{CANARY}", "x".repeat(50));
        vec![
            Self::of("401 that repeats all it was sent", |_| repeating(401)),
            Self::of("403 that repeats all it was sent", |_| repeating(403)),
            Self::of("404 that repeats all it was sent", |_| repeating(404)),
            Self::of("401 that writes the token with escapes", |_| escaping()),
            Self::of("redirect", |stranger| {
                broken(Fault::Redirect(format!(
                    "{}/v2/actions?token={CANARY}",
                    stranger.url()
                )))
            }),
            Self::of("next link", |stranger| {
                broken(Fault::ForeignNext(stranger.url().to_owned()))
            }),
            Self::broken("401", Fault::Status(401)),
            Self::broken("403", Fault::Status(403)),
            Self::broken("500", Fault::Status(500)),
            Self::broken("404 in HTML", Fault::HtmlError(404)),
            Self::broken("JSON that ends in its middle", Fault::CutJson),
            Self::broken("reset", Fault::Reset),
            Self::broken("stall", Fault::Stall),
            Self::broken("stall in the body", Fault::StallInBody),
            Self::broken("HTML with the token", Fault::Body(long)),
            Self::broken(
                "JSON with the token",
                Fault::Body(format!("{{\"{CANARY}\": 1}}")),
            ),
            Self::broken(
                "text instead of a list, with escapes",
                Fault::Body(format!("{{\"actions\": \"{}\"}}", escaped())),
            ),
            Self::broken(
                "text instead of an answer, with escapes",
                Fault::Body(format!("\"{}\"", escaped())),
            ),
            Self::broken(
                "members with escapes, one of them twice",
                Fault::Body(format!(
                    "{{\"{0}\": 1, \"actions\": [], \"actions\": [], \"{0}\": 1}}",
                    escaped()
                )),
            ),
            Self::broken(
                "rows that are none, with escapes",
                Fault::Body(rows_that_are_none()),
            ),
            Self::broken("header with the token", header("x-request-id")),
            Self::broken("encoding with the token", header("content-encoding")),
            Self::of("rows with the token", |_| {
                Kind::Cloud(talkative(vec![HandmadeAction::from(
                    json!({"id": CANARY, "type": CANARY}),
                )]))
            }),
            Self::broken("sound rows with escapes", Fault::Body(sound_rows())),
        ]
    }
}

fn broken(fault: Fault) -> Kind {
    let cloud = Cloud::start(options(3, 450)).unwrap();
    cloud.break_with(FaultRule::new(fault));
    Kind::Cloud(cloud)
}

fn options(droplets: usize, actions: usize) -> Options {
    let mut options = settled(droplets, actions);
    options.token = CANARY.to_owned();
    options
}

fn repeating(status: u16) -> Kind {
    let headers = format!(
        "authorization: Bearer {CANARY}\r\nwww-authenticate: Bearer token=\"{CANARY}\"\r\n\
         x-request-id: {CANARY}\r\nset-cookie: token={CANARY}\r\n"
    );
    let body = json!({"id": CANARY, "message": format!("you sent Authorization: Bearer {CANARY}"), "request_id": CANARY});
    Kind::Witness(Witness::answering(status, &headers, body.to_string()))
}

fn escaping() -> Kind {
    let escaped = escaped();
    let body = format!("{{\"id\": \"{escaped}\", \"message\": \"you sent {escaped}\"}}");
    Kind::Witness(Witness::answering(401, "", &body))
}

/// The token as only a malicious server writes it, with hexadecimal digits in both cases.
fn escaped() -> String {
    let escape = |(place, byte): (usize, u8)| match place % 3 {
        0 => format!("\\u{byte:04x}"),
        1 => format!("\\u{byte:04X}"),
        _ => char::from(byte).to_string(),
    };
    CANARY.bytes().enumerate().map(escape).collect()
}

/// A page whose rows are all rejected, and an answer to every other request.
fn rows_that_are_none() -> String {
    let text = escaped();
    let long = "x".repeat(150);
    let rows = format!(
        r#"["{text}", "{long}{text}", {{"id": "{text}"}}, {{"{text}": 1}}, {{"{long}{text}": 1}}, {{"x": "{text}", "id": "1"}}]"#
    );
    format!(
        r#"{{"actions": {rows}, "droplets": {rows}, "account": "{text}", "sizes": "{text}", "meta": {{"total": 6}}}}"#
    )
}

/// A page of valid actions and droplets, and an account.
fn sound_rows() -> String {
    let text = escaped();
    let action = format!(
        r#"{{"id": 1, "type": "{text}", "status": "completed", "resource_id": 31, "resource_type": "droplet",
            "region": {{"slug": "{text}", "sizes": ["{text}"]}}, "{text}": ["{text}"]}}"#
    );
    let droplet =
        format!(r#"{{"id": 31, "name": "{text}", "tags": ["{text}"], "size_slug": "{text}"}}"#);
    format!(
        r#"{{"actions": [{action}], "action": {action}, "droplets": [{droplet}], "sizes": ["{text}"],
            "account": {{"uuid": "{text}", "email": "{text}", "team": {{"name": "{text}"}}}}, "meta": {{"total": 1}}}}"#
    )
}

/// An account that is valid except for these rows, and that has the token in every free-text field.
pub(super) fn talkative(mut rows: Vec<HandmadeAction>) -> Cloud {
    let droplet = json!({"id": 31, "name": format!("web-{CANARY}"), "tags": [CANARY], "size_slug": CANARY,
        "region": {"slug": "nyc3", "name": CANARY}, "created_at": "2020-01-01T00:00:00Z"});
    let action = |id: i64, kind: &str| {
        json!({"id": id, "type": kind, "status": "completed", "resource_id": 31, "resource_type": "droplet",
            "started_at": "2020-01-01T00:00:00Z", "completed_at": format!("it was {CANARY}"), "note": CANARY,
            "region": {"slug": "nyc3", "name": CANARY, "features": [CANARY], "sizes": [CANARY], CANARY: 1}})
    };
    let sound = [(3, "reboot"), (2, CANARY), (1, "create")];
    rows.extend(sound.map(|(id, kind)| HandmadeAction::from(action(id, kind))));
    Cloud::start_handmade(options(0, 0), &[droplet], rows).unwrap()
}
