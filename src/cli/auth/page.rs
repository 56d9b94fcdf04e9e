//! The result of a token check, for people.

use std::io::{self, Write};

use archiver::api::{RateLimit, TokenScope};
use archiver::core::model::Account;
use archiver::output::{Format, Heading, Options, RowWriter, Value, Writer, visible, wrapped};
use archiver::query::status::grouped;
use archiver::sync::access::{Finding, Need, State};
use serde::Serialize;

use crate::cli::terminal::Terminal;

/// The result of the check.
#[derive(Serialize)]
pub(super) struct Answer {
    pub(super) api: String,
    pub(super) token_source: String,
    pub(super) is_accepted: Option<bool>,
    /// True when the token may do everything that the sync needs.
    pub(super) is_enough: bool,
    pub(super) account: Option<Account>,
    /// The team of the archive. `None` when the archive has no team, or no sync has recorded one yet.
    pub(super) archive_team: Option<String>,
    pub(super) archive_account: Option<String>,
    pub(super) quota: Quota,
    /// The scope of the sync, in words.
    pub(super) sync: String,
    /// The smallest set of scopes for this sync.
    pub(super) ask_for: Vec<TokenScope>,
    pub(super) scopes: Vec<Finding>,
}

/// The rate limit, as the API reports it.
#[derive(Serialize)]
pub(super) struct Quota {
    pub(super) limit: Option<u64>,
    pub(super) remaining: Option<u64>,
    /// The time when the oldest counted request stops counting.
    pub(super) reset_at: Option<String>,
}

impl From<RateLimit> for Quota {
    fn from(limit: RateLimit) -> Self {
        Self {
            limit: limit.limit,
            remaining: limit.remaining,
            reset_at: limit.reset_at.map(|at| at.to_string()),
        }
    }
}

impl Answer {
    /// Prints the result for people.
    pub(super) fn print(&self, terminal: Terminal, sink: &mut dyn Write) -> io::Result<()> {
        for (name, text) in self.lines() {
            let line = format!("{name:<9}{}", visible(&text));
            writeln!(sink, "{}", wrapped(&line, terminal.width, 9))?;
        }
        writeln!(sink)?;
        self.print_scopes(terminal, sink)
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let accepted = match self.is_accepted {
            Some(true) => "accepted",
            Some(false) => "not accepted",
            None => "not known to be accepted",
        };
        let (source, api) = (&self.token_source, &self.api);
        let mut lines = vec![("token", format!("from {source}, {accepted} by {api}"))];
        if let Some(account) = &self.account {
            let name = account.name.as_ref().map(|name| format!("({name})"));
            let limit = account
                .droplet_limit
                .map(|it| format!("up to {it} droplets"));
            let who = joined(" ", [account.email.clone(), name]);
            let (status, id) = (account.status.clone(), account.uuid.clone());
            lines.push(("account", joined(", ", [Some(who), status, limit, id])));
            if let Some(team) = &account.team {
                lines.push(("team", joined(", ", [team.name.clone(), team.uuid.clone()])));
            }
        }
        lines.extend(quota(&self.quota).map(|text| ("quota", text)));
        let (sync, needs) = (&self.sync, listed(&self.ask_for));
        let sync = format!("of {sync}: needs {needs}, and nothing else");
        lines.push(("sync", sync));
        lines
    }

    fn print_scopes(&self, terminal: Terminal, sink: &mut dyn Write) -> io::Result<()> {
        let options = Options {
            width: terminal.width,
            hides_columns: true,
            is_colored: terminal.colors_answers,
            ..Options::default()
        };
        let mut table = Writer::new(Format::Table, options, sink);
        table.header(&["scope", "token", "sync", "for"].map(Heading::plain))?;
        for finding in &self.scopes {
            let has = match finding.state {
                State::Granted => "has it",
                State::Missing => "lacks it",
                State::Unknown => "unknown",
            };
            let need = match finding.needed.need {
                Need::Required => "needs it",
                Need::Useful => "can use it",
            };
            table.row(&[
                Value::Text(finding.needed.scope.name()),
                Value::Text(has),
                Value::Text(need),
                Value::Text(finding.needed.purpose),
            ])?;
        }
        table.finish()
    }
}

/// The names of the scopes as a list in words.
pub(super) fn listed(scopes: &[TokenScope]) -> String {
    let names: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
    match names.as_slice() {
        [] => "no scope".to_owned(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Joins the texts that are present and not empty.
fn joined<const N: usize>(separator: &str, parts: [Option<String>; N]) -> String {
    let parts = parts.into_iter().flatten();
    let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
    parts.join(separator)
}

fn quota(quota: &Quota) -> Option<String> {
    let left = grouped(quota.remaining?);
    let limit = quota.limit.map(|limit| format!(" of {}", grouped(limit)));
    let limit = limit.unwrap_or_default();
    Some(format!("{left}{limit} requests left this hour"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_api_does_not_say_is_left_out() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(joined(", ", [text("a"), None, text(""), text("b")]), "a, b");
        let said = |limit, remaining| {
            quota(&Quota {
                limit,
                remaining,
                reset_at: None,
            })
        };
        assert_eq!(
            said(Some(5_000), Some(4_996)).unwrap(),
            "4,996 of 5,000 requests left this hour"
        );
        assert_eq!(said(None, Some(7)).unwrap(), "7 requests left this hour");
        assert_eq!(said(Some(5_000), None), None);
    }
}
