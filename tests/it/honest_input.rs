//! Examples that DigitalOcean itself publishes.
//!
//! `fixtures/droplet_actions.json` is the example response of `GET /v2/droplets/{droplet_id}/actions` in DigitalOcean's
//! published OpenAPI specification (Apache-2.0), unchanged except for white space. The error bodies are those of the
//! same endpoint.

use crate::cloud::{Cloud, Fault, FaultRule, Options};
use crate::process::Run;
use crate::sandbox::Sandbox;
use crate::witness::Witness;

const EXAMPLE: &str = include_str!("../fixtures/droplet_actions.json");

#[test]
fn the_documented_example_is_one_action_one_region_six_features_and_eleven_sizes() {
    let cloud = Cloud::start_handmade(Options::default(), &[], Vec::new()).unwrap();
    let path = "/v2/droplets/3164444/actions";
    cloud.break_with(FaultRule::new(Fault::Body(EXAMPLE.to_owned())).path(path));
    let sandbox = Sandbox::new();
    for _ in 0..2 {
        sandbox
            .sync(&cloud, &["--droplet", "3164444"])
            .exits(0)
            .silently();
    }
    let archive = sandbox.archive();
    for (table, rows) in [
        ("actions", 1),
        ("regions", 1),
        ("region_features", 6),
        ("region_sizes", 11),
    ] {
        let sql = format!("SELECT count(*) FROM {table}");
        assert_eq!(archive.number(&sql), rows, "{table}");
    }
    let run = sandbox.query(&["-o", "jsonl"]).exits(0);
    let archived = run.json();
    let documented: serde_json::Value = serde_json::from_str(EXAMPLE).unwrap();
    let documented = documented["actions"][0].as_object().unwrap();
    for (field, value) in documented.iter().filter(|(field, _)| *field != "region") {
        assert_eq!(&archived[field], value, "{field}");
    }
    let region = "SELECT slug || ', ' || name || ', ' || available FROM regions";
    assert_eq!(archive.texts(region), ["nyc3, New York 3, 1"]);
}

/// Runs a sync of the documented droplet against a server that gives only this error.
fn answered(status: u16, headers: &str, id: &str, message: &str) -> Run {
    let body = format!("{{\"id\":\"{id}\",\"message\":\"{message}\"}}");
    let server = Witness::answering(status, headers, &body);
    let sandbox = Sandbox::new().with("DIGITALOCEAN_TOKEN", "dop_v1_documented");
    let run = sandbox.run(&["sync", "--droplet=3164444", "--api-url", server.url()]);
    for head in server.heads() {
        let head = head.to_lowercase();
        assert!(head.starts_with("get /v2/"), "{head}");
        let token = "authorization: bearer dop_v1_documented\r\n";
        assert!(head.contains(token), "{head}");
    }
    run
}

#[test]
fn the_documented_401_says_that_the_token_is_wrong() {
    answered(401, "", "unauthorized", "Unable to authenticate you.")
        .exits(4)
        .says("401 unauthorized: Unable to authenticate you")
        .says("hint: the token is wrong, revoked or expired");
}

#[test]
fn the_documented_404_of_an_unknown_droplet_names_it() {
    let message = "The resource you requested could not be found.";
    answered(404, "", "not_found", message)
        .exits(3)
        .says("droplet 3164444 is not known")
        .says("404 not_found: The resource you requested could not be found")
        .says("hint: check the id");
}

#[test]
fn the_documented_429_is_waited_for_and_then_says_when_to_come_back() {
    let headers = "ratelimit-limit: 5000\r\nratelimit-remaining: 4816\r\nratelimit-reset: 1444931833\r\n\
                   retry-after: 0\r\n";
    answered(
        429,
        headers,
        "too_many_requests",
        "API rate limit exceeded.",
    )
    .exits(3)
    .says("rate limit")
    .says("hint: run `archiver sync` again then");
}

#[test]
fn the_documented_500_is_tried_again_and_then_said() {
    answered(500, "", "server_error", "Unexpected server-side error")
        .exits(1)
        .says("500 server_error: Unexpected server-side error")
        .says("tried 6 times")
        .says("hint: try again later");
}
