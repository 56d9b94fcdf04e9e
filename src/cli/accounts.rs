//! `archiver accounts`: lists the accounts of the configuration, and how fresh and complete their archives are.

use archiver::archive::{self, LockState};
use archiver::config::Account;
use archiver::core::account::AccountName;
use archiver::core::time::Timestamp;
use archiver::output::{Heading, RowWriter, Value};
use archiver::query::{self, status};

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

/// An account, and what is known of its archive.
struct Row {
    account: String,
    team: Option<String>,
    state: &'static str,
    fresh_at: Option<String>,
    /// What a sync or a question would miss.
    missing: Option<String>,
    archive: String,
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let flags = &arguments.answer;
    flags.columns()?;
    let context = &match context.global.account.as_slice() {
        [] => context.of_every_account()?,
        _ => context.clone(),
    };
    let rows = side_by_side(context.accounts().iter().collect(), |account: &Account| {
        Row::new(&context.for_account(account), account.name)
    });
    let rows = rows.into_iter().collect::<Result<Vec<_>, _>>()?;
    answer::print(context, flags, |printer| {
        let mut headings = COLUMNS.map(Heading::named);
        // A path is long, and an account tells which one it is.
        headings[5].rank = 50;
        let written = printer.header(&headings);
        let write = |row: &Row| printer.row(&row.values());
        let written = written.and_then(|()| rows.iter().try_for_each(write));
        written.map_err(query::Error::Write)
    })?;
    if rows.is_empty() && flags.is_explained(context) {
        let text =
            "no account is configured: all settings are at the top level of the configuration";
        context.terminal.note(text);
    }
    let is_good = rows.iter().all(|row| row.missing.is_none());
    Ok(match is_good {
        false if flags.exit_code => Status::Found,
        _ => Status::Done,
    })
}

impl Row {
    fn new(context: &Context, account: AccountName) -> Result<Self, Failure> {
        let path = context.archive_path()?;
        let mut row = Self {
            account: account.to_string(),
            team: None,
            state: "complete",
            fresh_at: None,
            missing: None,
            archive: path.display().to_string(),
        };
        if let Err(archive::Error::Missing { .. }) = archive::expect_archive(&path) {
            row.state = "missing";
            row.missing = Some(format!(
                "nothing is archived yet, run `archiver sync --account {account}`"
            ));
        } else if let Err(failure) = row.read(context) {
            row.missing = Some(failure.message);
            row.state = "unusable";
        }
        if !context.config.names_token()? {
            let missing = row.missing.map(|missing| format!("; {missing}"));
            row.missing = Some(format!("no token{}", missing.unwrap_or_default()));
        }
        Ok(row)
    }

    fn read(&mut self, context: &Context) -> Result<(), Failure> {
        let connection = context.open_archive_within(Some(MEMBER_WAIT))?;
        let owner = archive::account(&connection)?.unwrap_or_default();
        self.team = owner.team_uuid.or(owner.uuid);
        let lock = LockState::of(&context.archive_path()?);
        let basis = status::basis(&connection, &lock, Timestamp::now())?;
        self.fresh_at = basis.fresh_at.map(|at| at.to_string());
        if basis.missing.is_some() {
            self.state = "incomplete";
            self.missing = basis.missing;
        }
        Ok(())
    }

    fn values(&self) -> [Value<'_>; 6] {
        [
            Value::Text(&self.account),
            self.team.as_deref().into(),
            Value::Text(self.state),
            self.fresh_at.as_deref().into(),
            self.missing.as_deref().into(),
            Value::Text(&self.archive),
        ]
    }
}
