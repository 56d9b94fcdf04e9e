//! The true answer of the API to a request, without any fault.

use std::cell::Cell;
use std::collections::BTreeSet;

use super::faults::Quirks;
use super::http::{Answer, Request};
use super::json::{self, Json};
use super::listing::Page;
use super::options::Options;
use super::state::{State, entry_id};

/// The errors of the specification, and the errors that proxies add.
pub(super) fn error(status: u16, request_id: &str) -> Answer {
    let (id, message) = match status {
        401 => ("unauthorized", "Unable to authenticate you."),
        403 => (
            "forbidden",
            "You are not authorized to perform this operation",
        ),
        404 => (
            "not_found",
            "The resource you requested could not be found.",
        ),
        405 => ("method_not_allowed", "This endpoint answers GET only."),
        408 => ("request_timeout", "The request took too long."),
        429 => ("too_many_requests", "API rate limit exceeded."),
        500 => ("server_error", "Unexpected server-side error"),
        503 => (
            "service_unavailable",
            "The service is temporarily unavailable.",
        ),
        _ => ("example_error", "some error message"),
    };
    Answer::json(status, json::error(id, message, request_id))
}

/// True for a request for one or many actions: these requests let time pass in the account.
pub(super) fn is_for_actions(request: &Request) -> bool {
    request.path().split('/').any(|part| part == "actions")
}

/// True for a request for a listing of actions.
pub(super) fn is_for_listed_actions(request: &Request) -> bool {
    request.path().ends_with("/actions")
}

/// The droplet whose own endpoint a request addresses.
pub(super) fn droplet_of(request: &Request) -> Option<i64> {
    let rest = request.path().strip_prefix("/v2/droplets/")?;
    rest.split('/').next()?.parse().ok()
}

/// The data for an answer.
pub(super) struct Routes<'a> {
    pub(super) state: &'a State,
    pub(super) options: &'a Options,
    pub(super) base_url: &'a str,
    pub(super) request_id: &'a str,
    pub(super) quirks: &'a Quirks,
    /// The number of newest actions of the account that the listings do not know yet.
    pub(super) lag: usize,
}

impl Routes<'_> {
    pub(super) fn answer(&self, request: &Request) -> Answer {
        let path = request.path().strip_prefix("/v2/").unwrap_or_default();
        let parts: Vec<&str> = path.split('/').collect();
        let scope = match parts.first() {
            Some(&"droplets") => "droplet:read",
            Some(&"actions") => "actions:read",
            Some(&"regions") => "regions:read",
            Some(&"account") => "account:read",
            Some(&"sizes") => "sizes:read",
            _ => return self.error(404),
        };
        let is_by_tag = request.parameter("tag_name").is_some();
        let has = |scope: &str| self.options.scopes.contains(scope);
        if !has(scope) || is_by_tag && !has("tag:read") {
            return self.error(403);
        }
        let answer = match parts.as_slice() {
            ["account"] => Some(self.account()),
            ["regions"] => Some(self.regions(request)),
            ["sizes"] => Some(self.sizes(request)),
            ["actions"] => Some(self.actions(request, None)),
            ["actions", id] => self.action(id),
            ["droplets"] => Some(self.droplets(request)),
            ["droplets", id] => self.droplet(id),
            ["droplets", id, "actions"] => self
                .living(id)
                .map(|droplet| self.actions(request, Some(droplet))),
            ["droplets", id, "actions", action] => self.action_of(id, action),
            _ => None,
        };
        answer.unwrap_or_else(|| self.error(404))
    }

    fn error(&self, status: u16) -> Answer {
        error(status, self.request_id)
    }

    fn json(&self) -> Json<'_> {
        Json {
            state: self.state,
            sizes: self.options.scopes.contains("sizes:read"),
            hide_completed_at: false,
        }
    }

    fn living(&self, id: &str) -> Option<usize> {
        self.state.living_droplet(id.parse().ok()?)
    }

    /// The listing of a droplet, or of the account.
    fn actions(&self, request: &Request, droplet: Option<usize>) -> Answer {
        let places = self.state.listing(droplet, self.lag);
        let total = places.len();
        let json = Json {
            hide_completed_at: self.quirks.hide_completed_at,
            ..self.json()
        };
        // A total hides as many of the newest actions as were removed, unless the page shows them.
        let hidden = self.state.removed.len() + 1;
        let revealed = total.checked_sub(hidden).and_then(|it| places.get(it));
        let newest = Cell::new(revealed.copied());
        let render = |out: &mut String, position: usize| {
            let place = places.get(self.options.order.place(position, total));
            newest.set(newest.get().max(place.copied()));
            if let Some(entry) = place.and_then(|&place| self.state.entries.get(place as usize)) {
                json.action(out, entry);
            }
        };
        let mut answer = self.listing(request, "actions", total, render);
        let newest = newest.get();
        let newest = newest.and_then(|place| self.state.entries.get(place as usize));
        answer.newest_action = newest.and_then(entry_id);
        answer
    }

    fn action(&self, id: &str) -> Option<Answer> {
        let place = self.state.action_place(id.parse().ok()?)?;
        let mut body = String::from("{\"action\":");
        self.json()
            .action(&mut body, self.state.entries.get(place)?);
        body.push('}');
        Some(Answer::json(200, body))
    }

    fn action_of(&self, droplet: &str, id: &str) -> Option<Answer> {
        let listing = self.state.listings.get(self.living(droplet)?)?;
        let place = self.state.action_place(id.parse().ok()?)?;
        listing
            .contains(&u32::try_from(place).ok()?)
            .then(|| self.action(id))
            .flatten()
    }

    fn droplets(&self, request: &Request) -> Answer {
        let tag = request.parameter("tag_name");
        let name = request.parameter("name").map(|name| name.to_lowercase());
        let with_gpus = request.parameter("type").as_deref() == Some("gpus");
        let machines = self.state.machines.iter().filter(|machine| {
            let droplet = &machine.droplet;
            !droplet.destroyed
                && droplet.has_gpus() == with_gpus
                && tag.as_ref().is_none_or(|tag| droplet.tags.contains(tag))
                && name
                    .as_ref()
                    .is_none_or(|name| droplet.name.to_lowercase() == *name)
        });
        let machines: Vec<_> = machines.collect();
        self.listing(request, "droplets", machines.len(), |out, position| {
            if let Some(machine) = machines.get(position) {
                self.json().droplet(out, machine);
            }
        })
    }

    fn droplet(&self, id: &str) -> Option<Answer> {
        let machine = self.state.machines.get(self.living(id)?)?;
        let mut body = String::from("{\"droplet\":");
        self.json().droplet(&mut body, machine);
        body.push('}');
        Some(Answer::json(200, body))
    }

    fn regions(&self, request: &Request) -> Answer {
        let sizes = self.json().sizes;
        self.listing(
            request,
            "regions",
            self.state.regions.len(),
            |out, position| {
                if let Some(region) = self.state.regions.get(position) {
                    out.push_str(region.json(sizes));
                }
            },
        )
    }

    /// The sizes with their slugs only, without prices and measures.
    fn sizes(&self, request: &Request) -> Answer {
        let regions = self.state.regions.iter();
        let sizes: BTreeSet<_> = regions.flat_map(|region| &region.sizes).collect();
        let sizes: Vec<_> = sizes.into_iter().collect();
        self.listing(request, "sizes", sizes.len(), |out, position| {
            if let Some(slug) = sizes.get(position) {
                out.push_str(&format!("{{\"slug\":\"{slug}\",\"available\":true}}"));
            }
        })
    }

    fn account(&self) -> Answer {
        let mut body = String::new();
        self.json().account(&mut body, self.options.seed);
        Answer::json(200, body)
    }

    fn listing(
        &self,
        request: &Request,
        name: &str,
        total: usize,
        render: impl Fn(&mut String, usize),
    ) -> Answer {
        let page = Page::asked(self.base_url, request);
        let rows = self.quirks.rows(page.rows(total).collect());
        let mut body = String::with_capacity(512 + rows.len() * 2600);
        body.push_str(&format!("{{\"{name}\":["));
        for (number, position) in rows.into_iter().enumerate() {
            if number > 0 {
                body.push(',');
            }
            render(&mut body, position);
        }
        body.push(']');
        page.finish(&mut body, total, self.quirks);
        Answer::json(200, body)
    }
}
