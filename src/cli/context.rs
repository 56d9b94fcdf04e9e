//! The surroundings of a command: its accounts, their archive and token, and the terminal.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use archiver::api::Origin;
use archiver::archive::{self, LockWait};
use archiver::config::{self, Config, Environment, Patience, Token, sharing_a_token};
use archiver::core::account::{ALL, AccountName};
use archiver::core::cancellation::Cancellation;
use archiver::query::Stranger;
use rusqlite::Connection;

use super::Global;
use super::basis::Basis;
use super::exit::{Failure, kept_locked, lock_holders};
use super::terminal::Terminal;
use super::written::Written;

/// The longest wait for the lock of one of several archives: the others have an answer.
pub(super) const MEMBER_WAIT: Duration = Duration::from_secs(2);
/// The page cache of one of several archives. All of them may be open at the same time.
const MEMBER_CACHE_KIB: usize = 256;
const USE_ONE: &str = "use --account NAME; `archiver accounts` lists them";
const TOP_LEVEL: &str = "accounts are left out by --db, by ARCHIVER_DB, and by a `database` at the top level of the \
                         configuration: use --account NAME";

/// The context of every command.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) global: Global,
    /// The settings of the only account; of several accounts, those of the top level.
    pub(super) config: Config,
    /// The settings of the selected accounts, sorted by name; none where the top level of the configuration is meant.
    pub(super) accounts: Arc<[Config]>,
    pub(super) terminal: Terminal,
    /// The basis of the answer to a question.
    pub(super) basis: Basis,
    pub(super) written: Written,
    /// Set where the answer is a part of one about several accounts: the droplets and tags of the question that only the
    /// others know.
    pub(super) strangers: Option<Arc<[Stranger]>>,
}

impl Context {
    /// Reads the configuration, and selects its accounts. Refuses settings for one account where several are selected.
    pub(super) fn new(
        global: Global,
        environment: Environment,
        terminal: Terminal,
        written: Written,
    ) -> Result<Self, Failure> {
        let by_variable = environment.path("ARCHIVER_DB").is_some();
        let loaded = Config::load(global.config.as_deref(), environment)?;
        let accounts = loaded.select(&global.account, by_variable || global.db.is_some())?;
        let config = match accounts.as_slice() {
            [only] => only.clone(),
            _ => loaded,
        };
        let context = Self {
            config,
            global,
            accounts: accounts.into(),
            terminal,
            basis: Basis::default(),
            written,
            strangers: None,
        };
        if context.global.db.is_some() {
            context.refuse_several("--db names one archive", USE_ONE)?;
        }
        if by_variable {
            let hint = "use --account NAME, or unset ARCHIVER_DB";
            context.refuse_several("ARCHIVER_DB names one archive", hint)?;
        }
        if context.global.doctl_context.is_some() {
            context.refuse_several("--doctl-context names one token", USE_ONE)?;
        }
        Ok(context)
    }

    /// Reads the configuration again, and selects the accounts anew.
    pub(super) fn reload(&self) -> Result<Self, Failure> {
        let environment = self.config.environment().clone();
        let written = self.written.clone();
        Self::new(self.global.clone(), environment, self.terminal, written)
    }

    /// The context of every account of the configuration, whatever is selected by default.
    pub(super) fn of_every_account(mut self) -> Result<Self, Failure> {
        if !self.accounts.is_empty() || !self.config.file().accounts.is_empty() {
            self.global.account = vec![ALL.to_owned()];
        }
        self.reload()
    }

    /// The only selected account.
    pub(super) fn account(&self) -> Option<AccountName> {
        self.config.account()
    }

    /// True when a question has an answer of several archives.
    pub(super) fn has_several(&self) -> bool {
        self.accounts.len() > 1
    }

    /// True for the context of one of several accounts.
    pub(super) fn is_one_of_several(&self) -> bool {
        self.terminal.account.is_some()
    }

    /// The context of each selected account; this one where there are not several.
    pub(super) fn of_each(&self) -> Vec<Self> {
        match self.has_several() {
            true => (self.accounts.iter().map(|it| self.for_account(it))).collect(),
            false => vec![self.clone()],
        }
    }

    /// The context of one of several accounts. Its messages begin with the name of the account.
    pub(super) fn for_account(&self, config: &Config) -> Self {
        Self {
            config: config.clone(),
            accounts: Arc::from([config.clone()]),
            terminal: self.terminal.of_account(config.account()),
            basis: Basis::default(),
            ..self.clone()
        }
    }

    /// Refuses accounts that take their token from the same source: their archives would have the same history.
    pub(super) fn refuse_shared_tokens(&self) -> Result<(), Failure> {
        let names = sharing_a_token(&self.accounts)?;
        if names.is_empty() {
            return Ok(());
        }
        let names = names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let names = names.join(", ");
        let message = format!("these accounts take their token from the same source: {names}");
        Err(Failure::usage(message).with_hint(
            "give each its own `token_file`, `token_command` or `doctl_context` under [accounts.NAME]",
        ))
    }

    /// Refuses several accounts where one is needed, for this reason.
    pub(super) fn refuse_several(&self, reason: &str, hint: &str) -> Result<(), Failure> {
        if !self.has_several() {
            return Ok(());
        }
        let count = self.accounts.len();
        let message = format!("{reason}, and {count} accounts are selected");
        Err(Failure::usage(message).with_hint(hint))
    }

    /// The path of the archive.
    ///
    /// # Errors
    /// When several accounts are selected, or no path is known.
    pub(super) fn archive_path(&self) -> Result<PathBuf, Failure> {
        self.refuse_several("this needs one archive", USE_ONE)?;
        let database = self.config.database(self.global.db.as_deref());
        Ok(database?.value)
    }

    /// Opens the archive for a question, for reading only. The answer is then told with its basis.
    pub(super) fn open_archive(&self) -> Result<Connection, Failure> {
        let connection = self.open_archive_itself()?;
        self.basis.read(&connection, &self.archive_path()?)?;
        Ok(connection)
    }

    /// Opens the archive, for reading only.
    pub(super) fn open_archive_itself(&self) -> Result<Connection, Failure> {
        self.open_archive_within(self.strangers.is_some().then_some(MEMBER_WAIT))
    }

    /// Opens the archive, for reading only. Waits for its lock for `longest`, or a minute.
    pub(super) fn open_archive_within(
        &self,
        longest: Option<Duration>,
    ) -> Result<Connection, Failure> {
        let path = self.archive_path()?;
        let lock_wait = self.lock_wait(&path, &Cancellation::never(), longest);
        let opened = archive::open_read_only_unless(&path, &lock_wait);
        let connection = opened.map_err(|error| match (self.terminal.account, error) {
            // One of several accounts has a sync of its own.
            (Some(name), error @ archive::Error::Missing { .. }) => Failure::from(error)
                .with_hint(format!("run `archiver sync --account {name}` to create it")),
            (_, error) => kept_locked(&path, error),
        })?;
        if self.strangers.is_some() {
            archive::limit_cache(&connection, MEMBER_CACHE_KIB)?;
        }
        Ok(connection)
    }

    /// A wait for locks of other programs, which names these programs. It lasts `longest`, or a minute.
    pub(super) fn lock_wait(
        &self,
        path: &Path,
        cancellation: &Cancellation,
        longest: Option<Duration>,
    ) -> LockWait {
        let (path, terminal) = (path.to_owned(), self.terminal);
        let lock_wait = LockWait::new(cancellation).telling(move || {
            let holders = lock_holders(&path);
            // A sync from cron that waits in vain names the programs in its error.
            let verbosity = u8::from(!terminal.is_interactive);
            let text = format!("waiting for {holders} to unlock the archive");
            terminal.detail(verbosity, &text);
        });
        match longest {
            Some(longest) => lock_wait.up_to(longest),
            None => lock_wait,
        }
    }

    /// The address of the API. Checks the proxy settings, unless the address is this machine.
    pub(super) fn origin(&self) -> Result<Origin, Failure> {
        let origin = self.config.origin(self.global.api_url.as_deref())?.value;
        if !origin.is_loopback() {
            self.config.check_proxy()?;
        }
        Ok(origin)
    }

    /// The configured token. Checks the address of the API first, because no token helps where it is wrong. A
    /// cancellation stops a command that prints the token.
    pub(super) fn token(&self, cancellation: &Cancellation) -> Result<Token, Failure> {
        self.refuse_several("this needs one token", USE_ONE)?;
        self.origin()?;
        let patience = Patience {
            is_watched: self.terminal.is_interactive,
            cancellation: cancellation.clone(),
        };
        let context = self.global.doctl_context.as_deref();
        let is_top_level = self.accounts.is_empty() && !self.config.file().accounts.is_empty();
        let token = self.config.token(context, patience);
        token.map_err(|error| match error {
            config::Error::NoToken if is_top_level => Failure::from(error).with_hint(TOP_LEVEL),
            error => error.into(),
        })
    }
}
