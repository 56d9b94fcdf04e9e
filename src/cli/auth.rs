//! `archiver auth check`: tries the requests of a sync with the token, reports the result on stdout, and sets an exit
//! status for scripts.

use std::collections::BTreeMap;
use std::io::{self, Write};

use archiver::api::{self, RateLimit, SharedPacer, TokenScope};
use archiver::archive::{self, ArchivedAccount};
use archiver::core::cancellation::Cancellation;
use archiver::core::model::Account;
use archiver::output::{Heading, Value, visible, wrapped};
use archiver::query::status::grouped;
use archiver::sync::Scope;
use archiver::sync::access::{self, Access, Finding, Need, State, Verdict};
use serde::Serialize;

use super::exit::{Failure, Status};
use super::progress::Progress;
use super::runtime::{runtime, side_by_side};
use super::scope::{self, ScopeFlags};
use super::terminal::Terminal;
use super::{Context, answer, attempt, pager};

/// Flags of `archiver auth`.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  archiver auth check")]
pub(super) struct Arguments {
    #[command(subcommand)]
    question: Question,
}

#[derive(clap::Subcommand)]
enum Question {
    /// Show the account of the token, and check that it has the scopes for a sync
    Check(Check),
}

/// Flags of `archiver auth check`.
#[derive(clap::Args)]
#[command(
    after_help = AFTER_HELP,
    mut_arg("droplet", |flag| flag.help("Check the token for this droplet (repeatable, or comma-separated)")),
    mut_arg("tag", |flag| flag.help("Check the token for the droplets with this tag (repeatable, or comma-separated)")),
    mut_arg("all", |flag| flag.help("Check the token for the whole account")),
)]
struct Check {
    #[command(flatten)]
    scope: ScopeFlags,
    /// The format of the answer: table, for people, or json, for scripts
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    #[arg(hide_possible_values = true)]
    output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For scripts, in one object
    Json,
}

const AFTER_HELP: &str = "\
Examples:
  archiver auth check
  archiver auth check --droplet 3164444
  archiver auth check --doctl-context work -o json

Each scope is tested with the smallest request that needs it. Nothing is written, and no part of the token is shown.

Exit status: 0 the token may do what the sync needs; 4 it is missing, is not accepted, belongs to another account than \
the archive, or lacks a scope that the sync needs; 1 the API could not be asked. Of several accounts (--account): the status \
that all have, else 3.";

/// The page where the user makes a new token.
const TOKENS_PAGE: &str = "https://cloud.digitalocean.com/account/api/tokens";

/// Checks the token of each account. A failure of one does not stop the others.
pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let Question::Check(arguments) = &arguments.question;
    context.refuse_shared_tokens()?;
    let contexts = context.of_each();
    let answers = side_by_side(contexts.iter().collect(), |own: &Context| {
        Answer::of(own, arguments)
    });
    match arguments.output {
        Format::Table => pager::print(context, |stdout| print(&contexts, &answers, stdout)),
        Format::Json => print_json(context, &answers),
    }?;
    let verdicts = contexts.iter().zip(answers).map(|(own, answer)| {
        let verdict = answer.and_then(|answer| answer.verdict(own.terminal));
        own.terminal.told(verdict)
    });
    Ok(Status::of_several(verdicts))
}

fn print(
    contexts: &[Context],
    answers: &[Result<Answer, Failure>],
    stdout: &mut dyn Write,
) -> io::Result<()> {
    let mut gap = "";
    for (own, answer) in contexts.iter().zip(answers) {
        let Ok(answer) = answer else { continue };
        if let Some(name) = own.terminal.account {
            writeln!(stdout, "{gap}{:<9}{name}", "name")?;
            gap = "\n";
        }
        answer.print(own.terminal, stdout)?;
    }
    Ok(())
}

/// The answer for one of several accounts, for scripts.
#[derive(Serialize)]
struct Named<'a> {
    name: String,
    /// The reason why the token could not be checked.
    error: Option<&'a str>,
    #[serde(flatten)]
    answer: Option<&'a Answer>,
}

fn print_json(context: &Context, answers: &[Result<Answer, Failure>]) -> Result<Status, Failure> {
    if let [answer] = answers {
        let answer = answer.as_ref();
        return answer.map_or(Ok(Status::Done), |it| pager::print_json(context, it));
    }
    let named = context.accounts.iter().zip(answers);
    let named = named.filter_map(|(config, answer)| {
        Some(Named {
            name: config.account()?.to_string(),
            error: answer.as_ref().err().map(|it| it.message.as_str()),
            answer: answer.as_ref().ok(),
        })
    });
    let accounts: Vec<_> = named.collect();
    pager::print_json(context, &BTreeMap::from([("accounts", accounts)]))
}

/// The result of the check.
#[derive(Serialize)]
struct Answer {
    api: String,
    token_source: String,
    is_accepted: Option<bool>,
    /// True when the token may do everything that the sync needs.
    is_enough: bool,
    account: Option<Account>,
    /// The team of the archive. `None` when the archive has no team, or no sync has recorded one yet.
    archive_team: Option<String>,
    archive_account: Option<String>,
    quota: RateLimit,
    /// The scope of the sync, in words.
    sync: String,
    /// The smallest set of scopes for this sync.
    ask_for: Vec<TokenScope>,
    scopes: Vec<Finding>,
    /// The reason why a sync would not be complete, and the next step for the user.
    #[serde(skip)]
    failure: Option<Failure>,
}

impl Answer {
    fn of(context: &Context, arguments: &Check) -> Result<Self, Failure> {
        let scope = arguments.scope.scope(context)?;
        let progress = Progress::new(context.terminal);
        let pacer = SharedPacer::new(attempt::pace(context));
        let token = context.token(&Cancellation::never())?;
        let token_source = token.source.to_string();
        let client = attempt::client(context, &progress, pacer, token)?;
        let pinned = pinned_account(context)?;
        let access = runtime()?.block_on(access::check(&client, &scope));
        progress.finish();
        let failure = failure(&access, &scope, &pinned);
        Ok(Self {
            api: context.origin()?.to_string(),
            token_source,
            is_accepted: access.is_accepted,
            is_enough: failure.is_none(),
            ask_for: access.smallest_set(),
            account: access.account,
            archive_team: pinned.team_uuid,
            archive_account: pinned.uuid,
            quota: client.rate_limit(),
            sync: scope::in_words(&scope),
            scopes: access.findings,
            failure,
        })
    }

    /// The status of the check. Warns about optional scopes that could not be tried.
    fn verdict(self, terminal: Terminal) -> Result<Status, Failure> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let unknown = self.scopes.iter().filter(|it| it.state == State::Unknown);
        for Finding { scope, reason, .. } in unknown {
            let reason = reason.as_deref().unwrap_or_default();
            let text = format!("cannot tell whether the token has {scope}: {reason}");
            terminal.warning(&text);
        }
        Ok(Status::Done)
    }

    /// Prints the result for people.
    fn print(&self, terminal: Terminal, sink: &mut dyn Write) -> io::Result<()> {
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
        lines.extend(quota(self.quota).map(|text| ("quota", text)));
        let (sync, needs) = (&self.sync, listed(&self.ask_for));
        let sync = format!("of {sync}: needs {needs}, and nothing else");
        lines.push(("sync", sync));
        lines
    }

    fn print_scopes(&self, terminal: Terminal, sink: &mut dyn Write) -> io::Result<()> {
        let headings = ["scope", "token", "sync", "for"].map(Heading::plain);
        let rows = self.scopes.iter().map(|finding| {
            let has = match finding.state {
                State::Granted => "has it",
                State::Missing => "lacks it",
                State::Unknown => "unknown",
            };
            let need = match finding.need {
                Need::Required => "needs it",
                Need::Useful => "can use it",
            };
            let texts = [finding.scope.name(), has, need, finding.purpose];
            texts.map(Value::Text).to_vec()
        });
        let rows: Vec<_> = rows.collect();
        answer::print_table(terminal, None, sink, &headings, &rows).map(drop)
    }
}

/// The account of the archive. The archive may not exist yet, or need an upgrade by the next sync.
fn pinned_account(context: &Context) -> Result<ArchivedAccount, Failure> {
    let read = archive::open_read_only(&context.archive_path()?);
    let read = read.and_then(|connection| archive::account(&connection));
    match &read {
        Ok(_) | Err(archive::Error::Missing { .. } | archive::Error::Older { .. }) => {}
        Err(error) => {
            let text = format!("cannot read the account of the archive: {error}");
            context.terminal.warning(&text);
        }
    }
    Ok(read.ok().flatten().unwrap_or_default())
}

/// The reason why a sync with this token would not be complete, and the next step for the user.
fn failure(access: &Access, scope: &Scope, pinned: &ArchivedAccount) -> Option<Failure> {
    match access.verdict() {
        Verdict::Lacking(missing) => {
            let (missing, scope) = (listed(&missing), scope::in_words(scope));
            let message = format!("the token lacks {missing}, which a sync of {scope} needs");
            let needed = listed(&access.smallest_set());
            let hint = format!("make one with {needed} at {TOKENS_PAGE}");
            Some(Failure::new(Status::Unauthorized, message).with_hint(hint))
        }
        Verdict::Failed(error) => Some(failed(error)),
        Verdict::Enough => {
            let conflict = pinned.conflict(access.account.as_ref()?)?;
            let hint = "use a token of that owner, or another archive with --db";
            Some(Failure::new(Status::Unauthorized, conflict).with_hint(hint))
        }
    }
}

fn failed(error: &api::Error) -> Failure {
    if error.is_unauthorized() {
        return Failure::new(Status::Unauthorized, error.to_string()).with_hint(error.hint());
    }
    let hint = match error.status() {
        Some(403) => "another server refused, not the API: check --api-url and the proxy settings",
        Some(404) => "the API was not found: is --api-url right?",
        Some(429) => "run `archiver auth check` again then",
        Some(500..) => "the API is at fault: run `archiver auth check` again later",
        _ => error.hint(),
    };
    let message = format!("cannot check the scopes of the token: {error}");
    Failure::failed(message).with_hint(hint)
}

/// The names of the scopes, of which a sync needs one or two.
fn listed(scopes: &[TokenScope]) -> String {
    let names: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
    names.join(" and ")
}

/// Joins the texts that are present and not empty.
fn joined<const N: usize>(separator: &str, parts: [Option<String>; N]) -> String {
    let parts = parts.into_iter().flatten();
    let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
    parts.join(separator)
}

fn quota(quota: RateLimit) -> Option<String> {
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
            quota(RateLimit {
                limit,
                remaining,
                ..RateLimit::default()
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
