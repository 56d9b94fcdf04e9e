//! `archiver auth check`: tries the requests of a sync with the token, reports the result on stdout, and sets an exit
//! status for scripts.

mod page;

use std::collections::BTreeMap;
use std::io::{self, Write};

use archiver::api::{self, SharedPacer, TokenScope};
use archiver::archive::{self, ArchivedAccount};
use archiver::core::cancellation::Cancellation;
use archiver::sync::Scope;
use archiver::sync::access::{self, Access, Finding, State, Verdict};
use serde::Serialize;

use crate::cli::exit::{Failure, Status};
use crate::cli::pager;
use crate::cli::progress::Progress;
use crate::cli::runtime::{runtime, side_by_side};
use crate::cli::scope::{self, ScopeFlags};
use crate::cli::{Context, attempt};
use page::{Answer, listed};

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
    let checks = side_by_side(contexts.iter().collect(), |own: &Context| {
        Checked::of(own, arguments)
    });
    match arguments.output {
        Format::Table => pager::print(context, |stdout| print(&contexts, &checks, stdout)),
        Format::Json => print_json(context, &checks),
    }?;
    let verdicts = contexts.iter().zip(checks).map(|(own, checked)| {
        let verdict = checked.and_then(|checked| checked.verdict(own));
        own.terminal.told(verdict.map(|()| Status::Done))
    });
    Ok(Status::of_several(verdicts))
}

fn print(
    contexts: &[Context],
    checks: &[Result<Checked, Failure>],
    stdout: &mut dyn Write,
) -> io::Result<()> {
    let mut gap = "";
    for (own, checked) in contexts.iter().zip(checks) {
        let Ok(checked) = checked else { continue };
        if let Some(name) = own.terminal.account {
            writeln!(stdout, "{gap}{:<9}{name}", "name")?;
            gap = "\n";
        }
        checked.answer.print(own.terminal, stdout)?;
    }
    Ok(())
}

/// One of the checks of several accounts, for scripts.
#[derive(Serialize)]
struct Named<'a> {
    name: String,
    /// The reason why the token could not be checked.
    error: Option<&'a str>,
    #[serde(flatten)]
    answer: Option<&'a Answer>,
}

fn print_json(context: &Context, checks: &[Result<Checked, Failure>]) -> Result<Status, Failure> {
    if !context.has_several() {
        let answers = checks.iter().flatten();
        let mut printed = answers.map(|checked| pager::print_json(context, &checked.answer));
        return printed.next().unwrap_or(Ok(Status::Done));
    }
    let named = context.accounts().iter().zip(checks);
    let named = named.map(|(account, checked)| Named {
        name: account.name.to_string(),
        error: checked.as_ref().err().map(|it| it.message.as_str()),
        answer: checked.as_ref().ok().map(|it| &it.answer),
    });
    let accounts: Vec<_> = named.collect();
    pager::print_json(context, &BTreeMap::from([("accounts", accounts)]))
}

/// A token that was checked.
struct Checked {
    answer: Answer,
    /// The reason why a sync would not be complete.
    failure: Option<Failure>,
}

impl Checked {
    fn of(context: &Context, arguments: &Check) -> Result<Self, Failure> {
        let scope = arguments.scope.scope(context)?;
        let progress = Progress::new(context.terminal);
        let pacer = SharedPacer::new(attempt::pace(context));
        let token = context.token(&Cancellation::never())?;
        let token_source = token.source.to_string();
        let client = attempt::client(context, &progress, pacer, token)?;
        let pinned = pinned_account(context)?;
        let mut access = runtime()?.block_on(access::check(&client, &scope));
        progress.finish();
        let failure = failure(&access, &scope, &pinned);
        let answer = Answer {
            api: context.origin()?.to_string(),
            token_source,
            is_accepted: access.is_accepted,
            is_enough: failure.is_none(),
            account: access.account.take(),
            archive_team: pinned.team_uuid,
            archive_account: pinned.uuid,
            quota: client.rate_limit().into(),
            sync: scope::in_words(&scope),
            ask_for: access.smallest_set(),
            scopes: access.findings,
        };
        Ok(Self { answer, failure })
    }

    fn verdict(self, context: &Context) -> Result<(), Failure> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        warn_of_unknowns(context, &self.answer.scopes);
        Ok(())
    }
}

/// The account of the archive. The archive may not exist yet, or need an upgrade by the next sync.
fn pinned_account(context: &Context) -> Result<ArchivedAccount, Failure> {
    let read = archive::open_read_only(&context.archive_path()?);
    match read.and_then(|connection| archive::account(&connection)) {
        Ok(account) => Ok(account.unwrap_or_default()),
        Err(archive::Error::Missing { .. } | archive::Error::Older { .. }) => {
            Ok(ArchivedAccount::default())
        }
        Err(error) => {
            let text = format!("cannot read the account of the archive: {error}");
            context.terminal.warning(&text);
            Ok(ArchivedAccount::default())
        }
    }
}

/// The reason why a sync with this token would not be complete, and the next step for the user.
fn failure(access: &Access, scope: &Scope, pinned: &ArchivedAccount) -> Option<Failure> {
    match access.verdict() {
        Verdict::Lacking(missing) => Some(lacking(&missing, access, scope)),
        Verdict::Failed(error) => Some(failed(error)),
        Verdict::Enough => {
            let own = access.account.as_ref();
            own.and_then(|own| pinned.conflict(own)).map(of_another)
        }
    }
}

fn lacking(missing: &[TokenScope], access: &Access, scope: &Scope) -> Failure {
    let s = if missing.len() == 1 { "" } else { "s" };
    let (missing, scope) = (listed(missing), scope::in_words(scope));
    let needed = listed(&access.smallest_set());
    Failure {
        status: Status::Unauthorized,
        message: format!("the token lacks the scope{s} {missing}, which a sync of {scope} needs"),
        hint: Some(format!("make one with {needed} at {TOKENS_PAGE}")),
    }
}

fn failed(error: &api::Error) -> Failure {
    let (status, message, hint) = match error.status() {
        Some(401) => (Status::Unauthorized, error.to_string(), error.hint()),
        other => (
            Status::Failed,
            format!("cannot check the scopes of the token: {error}"),
            match other {
                Some(403) => {
                    "another server refused, not the API: check --api-url and the proxy settings"
                }
                Some(404) => "the API was not found: is --api-url right?",
                Some(429) => "run `archiver auth check` again then",
                Some(500..) => "the API is at fault: run `archiver auth check` again later",
                _ => error.hint(),
            },
        ),
    };
    Failure {
        status,
        message,
        hint: Some(hint.to_owned()),
    }
}

fn of_another(conflict: String) -> Failure {
    Failure {
        status: Status::Unauthorized,
        message: conflict,
        hint: Some("use a token of that owner, or another archive with --db".to_owned()),
    }
}

/// Warns about optional scopes that could not be tried.
fn warn_of_unknowns(context: &Context, findings: &[Finding]) {
    for finding in findings.iter().filter(|it| it.state == State::Unknown) {
        let reason = finding.reason.as_deref().unwrap_or_default();
        let text = format!(
            "cannot tell whether the token has {}: {reason}",
            finding.needed.scope
        );
        context.terminal.warning(&text);
    }
}
