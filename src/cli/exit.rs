//! Maps outcomes to exit statuses, and errors to messages with a hint.

use std::fmt::Display;
use std::io;
use std::path::Path;

use archiver::api;
use archiver::archive;
use archiver::config;
use archiver::output::lake;
use archiver::query;
use archiver::query::{export, report};
use archiver::sync::import;

/// The exit statuses that scripts rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Done, and complete.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// Usage or configuration.
    Usage = 2,
    /// The archived actions are kept, but something is missing.
    Partial = 3,
    /// Authentication, or a missing scope.
    Unauthorized = 4,
    /// Another sync holds the lock.
    Locked = 5,
    /// The archive is missing, newer, foreign or damaged.
    UnusableArchive = 6,
    /// Rows were found, and `--exit-code` was given.
    Found = 10,
    /// Another program keeps the archive locked. Scripts see the status of [`Self::Locked`], a daemon treats it as a
    /// failure.
    KeptLocked,
    /// The archive does not know a name or a value of the question, but that of another account may. Scripts see the
    /// status of [`Self::Usage`].
    Unknown,
    /// The reader has closed the pipe, because it has seen enough. See [`unless_closed`].
    Closed,
}

impl Status {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::KeptLocked => Self::Locked as u8,
            Self::Unknown => Self::Usage as u8,
            Self::Closed => Self::Done as u8,
            status => status as u8,
        }
    }

    /// The status for several accounts: the one that all have, else partial.
    pub(super) fn of_several(statuses: impl IntoIterator<Item = Self>) -> Self {
        let both = |one: Self, other: Self| match one.code() == other.code() {
            true => one,
            false => Self::Partial,
        };
        statuses.into_iter().reduce(both).unwrap_or(Self::Done)
    }
}

/// The exit statuses in words, for the help and the manual.
pub(super) const MEANINGS: [(Status, &str); 8] = [
    (Status::Done, "done, and complete"),
    (Status::Failed, "failed"),
    (Status::Usage, "usage or configuration"),
    (Status::Partial, "partial, stderr says what is missing"),
    (Status::Unauthorized, "authentication or scope"),
    (
        Status::Locked,
        "another sync is running, or a program keeps the archive locked",
    ),
    (Status::UnusableArchive, "no usable archive"),
    (
        Status::Found,
        "with --exit-code: rows found, or a status that is not complete",
    ),
];

/// The reason why a command failed, and the next step for the user.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Failure {
    pub(super) status: Status,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Failure {
    pub(super) fn new(status: Status, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(Status::Usage, message)
    }

    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self::new(Status::Failed, message)
    }

    pub(super) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// With its subject in front.
    pub(super) fn about(self, subject: impl Display) -> Self {
        Self {
            message: format!("{subject}: {}", self.message),
            ..self
        }
    }

    /// With a hint, if there is one.
    pub(super) fn hinted(self, hint: Option<&str>) -> Self {
        Self {
            hint: hint.map(str::to_owned),
            ..self
        }
    }

    fn of(status: Status, error: &dyn std::error::Error) -> Self {
        Self::new(status, chain(error))
    }
}

/// An error and its causes, each once: some errors contain their cause, others only repeat it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut said = message.clone();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.contains(&text) && !text.contains(&said) {
            message = format!("{message}: {text}");
        }
        said = text;
        cause = error.source();
    }
    message
}

impl From<config::Error> for Failure {
    fn from(error: config::Error) -> Self {
        let status = match error {
            config::Error::NoToken | config::Error::BadToken { .. } => Status::Unauthorized,
            _ => Status::Usage,
        };
        Self::of(status, &error).with_hint(error.hint())
    }
}

impl From<archive::Error> for Failure {
    fn from(error: archive::Error) -> Self {
        let status = match &error {
            archive::Error::Locked { .. } => Status::Locked,
            error if error.is_busy() => Status::KeptLocked,
            archive::Error::BadTarget { .. } | archive::Error::NotTogether { .. } => Status::Usage,
            error if error.is_unusable_archive() => Status::UnusableArchive,
            _ => Status::Failed,
        };
        Self::of(status, &error).with_hint(error.hint())
    }
}

/// The programs that keep an archive locked, as far as the system shows them.
pub(super) fn lock_holders(path: &Path) -> String {
    archive::holders(path).unwrap_or_else(|| "another program".to_owned())
}

/// The failure for an error of the archive. It names the programs that keep the archive locked.
pub(super) fn kept_locked(path: &Path, error: archive::Error) -> Failure {
    if !error.is_busy() {
        return error.into();
    }
    let holders = lock_holders(path);
    Failure::from(error).about(format!("the archive is kept locked by {holders}"))
}

impl From<api::Error> for Failure {
    fn from(error: api::Error) -> Self {
        let status = match error.is_unauthorized() || error.is_forbidden() {
            true => Status::Unauthorized,
            false => Status::Failed,
        };
        Self::of(status, &error).with_hint(error.hint())
    }
}

impl From<import::Error> for Failure {
    fn from(error: import::Error) -> Self {
        let status = match error {
            import::Error::Write(error) => return Self::from(error),
            import::Error::Unusable(error) => {
                // The other hints are about the archive that a command works on.
                let has_hint = matches!(error, archive::Error::Newer { .. }) || error.is_busy();
                let failure = Self::from(error);
                let hint = failure.hint.filter(|_| has_hint);
                return Self { hint, ..failure };
            }
            import::Error::Stopped(_) => Status::Partial,
            import::Error::Refused(_) => Status::Usage,
        };
        Self::of(status, &error)
    }
}

impl From<export::Error> for Failure {
    fn from(error: export::Error) -> Self {
        match error {
            export::Error::Query(error) => Self::from(error),
            export::Error::Archive(error) => Self::from(error),
            export::Error::Folder(error) => Self::from(error),
            export::Error::Stopped => Self::of(Status::Failed, &error),
        }
    }
}

impl From<lake::Error> for Failure {
    fn from(error: lake::Error) -> Self {
        let (status, hint) = match &error {
            lake::Error::Refused { hint, .. } => (Status::Usage, Some(*hint)),
            lake::Error::Busy(_) => (Status::Locked, Some("wait until it has ended")),
            lake::Error::File { source, .. } if source.kind() == io::ErrorKind::NotADirectory => {
                let hint = "choose another folder, or remove what is there";
                (Status::Usage, Some(hint))
            }
            lake::Error::File { .. } => (Status::Failed, None),
        };
        Self::of(status, &error).hinted(hint)
    }
}

impl From<report::Error> for Failure {
    fn from(error: report::Error) -> Self {
        use report::Error;
        if let Error::Write(error) = error {
            return error.into();
        }
        let status = match &error {
            Error::Failed(_, source) if archive::is_corrupt(source) => Status::UnusableArchive,
            Error::Failed(..) => Status::Failed,
            Error::UnknownType(_)
            | Error::Droplets {
                source: query::Error::UnknownName { .. } | query::Error::UnknownTag { .. },
                ..
            } => Status::Unknown,
            _ => Status::Usage,
        };
        Self::of(status, &error)
    }
}

const TAGS: &str =
    "`archiver droplets` shows the tags; a sync whose token lacks `tag:read` sees none";
const ALL_ACTIONS: &str =
    "`archiver sync --all` archives every action that the account's listing shows";
const VERIFY: &str = "`archiver verify` says what is wrong, and what to do";

impl From<query::Error> for Failure {
    fn from(error: query::Error) -> Self {
        use query::Error;
        let (status, hint) = match error {
            Error::Write(error) => return error.into(),
            Error::Archive(error) => return error.into(),
            Error::UnknownName { .. } => (Status::Unknown, None),
            Error::AmbiguousName { .. } | Error::AmbiguousNumber { .. } => (Status::Usage, None),
            Error::UnknownTag { .. } => (Status::Unknown, Some(TAGS)),
            Error::UnknownAction { .. } => (Status::Failed, Some(ALL_ACTIONS)),
            Error::Read(ref source) if archive::is_damage(source) => {
                (Status::UnusableArchive, Some(VERIFY))
            }
            Error::Read(_) => (Status::Failed, None),
        };
        Self::of(status, &error).hinted(hint)
    }
}

/// An error of the stream of an answer, or the failure that a writer of rows passed on in it.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let status = match error.kind() {
            io::ErrorKind::BrokenPipe => Status::Closed,
            _ => Status::Failed,
        };
        let unwritten = |error| Self::new(status, format!("cannot write the answer: {error}"));
        error.downcast().unwrap_or_else(unwritten)
    }
}

/// A closed pipe is not an error: its reader has seen enough.
pub(super) fn unless_closed(outcome: io::Result<()>) -> Result<Status, Failure> {
    match outcome.map_err(Failure::from) {
        Err(failure) if failure.status == Status::Closed => Ok(Status::Done),
        outcome => outcome.map(|()| Status::Done),
    }
}
