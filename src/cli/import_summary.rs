//! The result of an import, for people and for scripts.

use archiver::core::time::Timestamp;
use archiver::output::{grouped, visible_json};
use archiver::query::status::counted;
use archiver::sync::import::Imported;
use serde::Serialize;

use super::exit::{Failure, Status};

/// The refused rows of a file that are described one by one.
const DESCRIBED: u64 = 10;

/// The summary for scripts.
#[derive(Serialize)]
pub(super) struct Summary {
    outcome: &'static str,
    dry_run: bool,
    started_at: String,
    finished_at: String,
    #[serde(flatten)]
    counts: Counts,
    pub(super) files: Vec<FileSummary>,
}

/// The result of one file.
#[derive(Default, Serialize)]
pub(super) struct FileSummary {
    path: String,
    outcome: &'static str,
    kind: Option<&'static str>,
    sha256: Option<String>,
    #[serde(flatten)]
    counts: Counts,
    message: Option<String>,
    #[serde(skip)]
    is_dry: bool,
    /// The reason why nothing of the file, or only a part of it, was imported.
    #[serde(skip)]
    pub(super) failure: Option<Failure>,
}

#[derive(Clone, Copy, Default, Serialize)]
struct Counts {
    rows_read: u64,
    inserted: u64,
    updated: u64,
    unchanged: u64,
    refused: u64,
}

impl Summary {
    pub(super) fn of(
        files: Vec<FileSummary>,
        is_dry: bool,
        started_at: Timestamp,
        finished_at: Timestamp,
    ) -> Self {
        let total = |count: fn(&Counts) -> u64| files.iter().map(|file| count(&file.counts)).sum();
        let all = |outcome| files.iter().all(|file| file.outcome == outcome);
        Self {
            outcome: match () {
                () if files.is_empty() || all("failed") => "failed",
                () if all("complete") => "complete",
                () => "partial",
            },
            dry_run: is_dry,
            started_at: started_at.to_string(),
            finished_at: finished_at.to_string(),
            counts: Counts {
                rows_read: total(|it| it.rows_read),
                inserted: total(|it| it.inserted),
                updated: total(|it| it.updated),
                unchanged: total(|it| it.unchanged),
                refused: total(|it| it.refused),
            },
            files,
        }
    }

    pub(super) fn as_json(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        visible_json(&text).into_owned()
    }
}

impl FileSummary {
    pub(super) fn of(path: String, imported: Result<Imported, Failure>, is_dry: bool) -> Self {
        let failed = |failure: Failure| Self {
            path: path.clone(),
            outcome: "failed",
            message: Some(failure.message.clone()),
            failure: Some(failure),
            ..Self::default()
        };
        let imported = match imported {
            Ok(imported) => imported,
            Err(failure) => return failed(failure),
        };
        let (import, message) = (imported.import, imported.end.message);
        Self {
            outcome: match &message {
                None => "complete",
                Some(_) if imported.is_stopped => "interrupted",
                Some(_) => "partial",
            },
            kind: Some(import.kind.as_str()),
            sha256: imported.end.sha256,
            counts: Counts {
                rows_read: import.rows_read,
                inserted: import.recorded.inserted,
                updated: import.recorded.updated,
                unchanged: import.recorded.unchanged,
                refused: import.refused,
            },
            failure: message.as_ref().map(|message| Failure {
                status: Status::Partial,
                message: format!("{path} was imported only in part: {message}"),
                hint: None,
            }),
            path,
            message,
            is_dry,
        }
    }

    /// True when at least a part of it was imported.
    pub(super) fn is_imported(&self) -> bool {
        self.kind.is_some()
    }

    /// The summary for people; `None` when nothing of the file was imported.
    pub(super) fn in_words(&self) -> Option<String> {
        self.kind?;
        let wrote = if self.is_dry {
            "; nothing was written"
        } else {
            ""
        };
        Some(format!(
            "{}: {}: {}, {} updated, {} unchanged; {} refused{wrote}",
            self.path,
            self.outcome,
            counted(self.counts.inserted, "new action"),
            grouped(self.counts.updated),
            grouped(self.counts.unchanged),
            counted(self.counts.refused, "row"),
        ))
    }

    /// The number of refused rows that are not described, in words.
    pub(super) fn unnamed_rows(&self) -> Option<String> {
        let more = self.counts.refused.checked_sub(DESCRIBED + 1)? + 1;
        let rows = counted(more, "more row");
        Some(format!("{}: {rows} refused", self.path))
    }
}
