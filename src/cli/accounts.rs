//! `archiver accounts`: lists the accounts of the configuration, and how fresh and complete their archives are.

use std::path::Path;

use archiver::archive::{self, ArchivedAccount, LockState};
use archiver::core::time::Timestamp;
use archiver::output::{Heading, RowWriter};
use archiver::query::status::{self, Basis};

use super::Context;
use super::answer::{self, AnswerFlags};
use super::context::MEMBER_WAIT;
use super::exit::{Failure, Status};
use super::runtime::side_by_side;

/// Flags of `archiver accounts`.
#[derive(clap::Args)]
#[command(
    after_help = AFTER_HELP,
    mut_arg("exit_code", |flag| flag.help("Exit with 10 unless each account has a token and a complete archive")),
)]
pub(super) struct Arguments {
    #[command(flatten)]
    answer: AnswerFlags,
}

const AFTER_HELP: &str = "\
Examples:
  archiver accounts
  archiver accounts --account work,home --exit-code
  archiver accounts -o csv --columns account,fresh_at

An account is a table [accounts.NAME] of the configuration. Its archive is complete, incomplete, missing or unusable. \
fresh_at is when the last complete sync began. The team is the one whose history the archive holds; `archiver auth \
check --account all` asks the API about the tokens.";

pub(super) const COLUMNS: [&str; 6] =
    ["account", "team", "state", "fresh_at", "missing", "archive"];

/// An account and what is known of its archive, in the order of [`COLUMNS`].
type Row = [Option<String>; 6];

/// The column that says what a sync or a question would miss.
const MISSING: usize = 4;

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let flags = &arguments.answer;
    let context = &match context.global.account.as_slice() {
        [] => context.clone().of_every_account()?,
        _ => context.clone(),
    };
    let rows = side_by_side(context.accounts.iter().collect(), |config| {
        row(&context.for_account(config))
    });
    let rows = rows.into_iter().collect::<Result<Vec<_>, _>>()?;
    answer::print(context, flags, |printer| {
        let mut headings = COLUMNS.map(Heading::named);
        // A path is long, and an account tells which one it is.
        headings[5].rank = 50;
        printer.header(&headings)?;
        let write = |row: &Row| printer.row(&row.each_ref().map(|it| it.as_deref().into()));
        rows.iter().try_for_each(write)
    })?;
    if rows.is_empty() && flags.is_explained(context) {
        let text =
            "no account is configured: all settings are at the top level of the configuration";
        context.terminal.note(text);
    }
    let is_good = rows.iter().all(|row| row[MISSING].is_none());
    Ok(match is_good {
        false if flags.exit_code => Status::Found,
        _ => Status::Done,
    })
}

fn row(context: &Context) -> Result<Row, Failure> {
    let account = context.account().map(|it| it.to_string());
    let path = context.archive_path()?;
    let expected = archive::expect_archive(&path);
    let is_missing = matches!(expected, Err(archive::Error::Missing { .. }));
    let (mut team, mut fresh_at) = (None, None);
    let (state, mut missing) = match read(context, &path) {
        Ok((owner, basis)) => {
            team = owner.team_uuid.or(owner.uuid);
            fresh_at = basis.fresh_at.map(|at| at.to_string());
            match basis.missing {
                None => ("complete", None),
                missing => ("incomplete", missing),
            }
        }
        Err(_) if is_missing => {
            let name = account.as_deref().unwrap_or_default();
            let text = format!("nothing is archived yet, run `archiver sync --account {name}`");
            ("missing", Some(text))
        }
        Err(failure) => ("unusable", Some(failure.message)),
    };
    if !context.config.names_token()? {
        let others = missing.map(|missing| format!("; {missing}"));
        missing = Some(format!("no token{}", others.unwrap_or_default()));
    }
    let (state, path) = (state.to_owned(), path.display().to_string());
    Ok([account, team, Some(state), fresh_at, missing, Some(path)])
}

fn read(context: &Context, path: &Path) -> Result<(ArchivedAccount, Basis), Failure> {
    let connection = context.open_archive_within(Some(MEMBER_WAIT))?;
    let owner = archive::account(&connection)?.unwrap_or_default();
    let basis = status::basis(&connection, &LockState::of(path), Timestamp::now())?;
    Ok((owner, basis))
}
