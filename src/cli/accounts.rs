//! `archiver accounts`: lists the accounts of the configuration, and how fresh and complete their archives are.

use std::path::Path;
use std::time::Duration;

use archiver::archive::{self, LockState};
use archiver::config::Account;
use archiver::core::cancellation::Cancellation;
use archiver::core::time::Timestamp;
use archiver::output::{Heading, RowWriter, Value};
use archiver::query::{self, status};

use super::Context;
use super::answer::{self, AnswerFlags};
use super::exit::{Failure, Status, kept_locked};
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

/// The wait for a program that keeps an archive locked. The other accounts need not wait longer.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

const COLUMNS: [&str; 6] = ["account", "team", "state", "fresh_at", "missing", "archive"];

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
    let every;
    let context = if context.global.account.is_empty() {
        every = context.of_every_account()?;
        &every
    } else {
        context
    };
    let rows = side_by_side(context.accounts().iter().collect(), |account: &Account| {
        Row::of(&context.for_account(account), account.name.as_str())
    });
    let rows = rows.into_iter().collect::<Result<Vec<_>, _>>()?;
    answer::print(context, flags, |printer| {
        let mut headings = COLUMNS.map(Heading::named);
        // A path is long, and an account tells which one it is.
        headings[5].rank = 50;
        let written = printer.header(&headings);
        let written =
            written.and_then(|()| rows.iter().try_for_each(|row| printer.row(&row.values())));
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
    fn of(context: &Context, account: &str) -> Result<Self, Failure> {
        let path = context.archive_path()?;
        let mut row = Self {
            account: account.to_owned(),
            team: None,
            state: "complete",
            fresh_at: None,
            missing: None,
            archive: path.display().to_string(),
        };
        if let Err(failure) = row.read(context, &path) {
            row.missing = Some(failure.message);
            row.state = "unusable";
        }
        if !context.config.names_token()? {
            let missing = row.missing.map(|missing| format!("; {missing}"));
            row.missing = Some(format!("no token{}", missing.unwrap_or_default()));
        }
        Ok(row)
    }

    fn read(&mut self, context: &Context, path: &Path) -> Result<(), Failure> {
        let lock_wait = context.lock_wait(path, &Cancellation::never(), Some(LONGEST_WAIT));
        let connection = match archive::open_read_only_unless(path, &lock_wait) {
            Ok(connection) => connection,
            Err(archive::Error::Missing { .. }) => {
                self.state = "missing";
                let command = format!("archiver sync --account {}", self.account);
                self.missing = Some(format!("nothing is archived yet, run `{command}`"));
                return Ok(());
            }
            Err(error) => return Err(kept_locked(path, error)),
        };
        let owner = archive::account(&connection)?.unwrap_or_default();
        self.team = owner.team_uuid.or(owner.uuid);
        let basis = status::basis(&connection, &LockState::of(path), Timestamp::now())?;
        self.fresh_at = basis.fresh_at.map(|at| at.to_string());
        if basis.missing.is_some() {
            self.state = "incomplete";
            self.missing = basis.missing;
        }
        Ok(())
    }

    fn values(&self) -> [Value<'_>; 6] {
        fn text(text: Option<&String>) -> Value<'_> {
            text.map_or(Value::Null, |text| Value::Text(text))
        }
        [
            Value::Text(&self.account),
            text(self.team.as_ref()),
            Value::Text(self.state),
            text(self.fresh_at.as_ref()),
            text(self.missing.as_ref()),
            Value::Text(&self.archive),
        ]
    }
}
