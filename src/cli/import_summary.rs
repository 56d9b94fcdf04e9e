//! The result of an import, for people and for scripts.

use archiver::core::time::Timestamp;
use archiver::output::{grouped, visible_json};
use archiver::query::status::counted;
use archiver::sync::import::Imported;
use serde::Serialize;

use super::exit::Failure;

/// The refused rows of a file that are described one by one.
const DESCRIBED: u64 = 10;

/// A file, and the result of its import.
pub(super) struct File {
    pub(super) path: String,
    pub(super) outcome: Result<Imported, Failure>,
}

/// The summary for scripts.
#[derive(Serialize)]
pub(super) struct Summary {
    outcome: &'static str,
    dry_run: bool,
    started_at: String,
    finished_at: String,
    rows_read: u64,
    inserted: u64,
    updated: u64,
    unchanged: u64,
    refused: u64,
    pub(super) files: Vec<FileSummary>,
}

/// The result of one file.
#[derive(Default, Serialize)]
pub(super) struct FileSummary {
    path: String,
    outcome: &'static str,
    kind: Option<&'static str>,
    sha256: Option<String>,
    rows_read: u64,
    inserted: u64,
    updated: u64,
    unchanged: u64,
    refused: u64,
    message: Option<String>,
    #[serde(skip)]
    is_dry: bool,
}

impl Summary {
    pub(super) fn of(
        files: &[File],
        is_dry: bool,
        started_at: Timestamp,
        finished_at: Timestamp,
    ) -> Self {
        let files: Vec<_> = files
            .iter()
            .map(|file| FileSummary::of(file, is_dry))
            .collect();
        let total = |count: fn(&FileSummary) -> u64| files.iter().map(count).sum();
        let all = |outcome| files.iter().all(|file| file.outcome == outcome);
        Self {
            outcome: match () {
                () if all("complete") => "complete",
                () if all("failed") => "failed",
                () => "partial",
            },
            dry_run: is_dry,
            started_at: started_at.to_string(),
            finished_at: finished_at.to_string(),
            rows_read: total(|file| file.rows_read),
            inserted: total(|file| file.inserted),
            updated: total(|file| file.updated),
            unchanged: total(|file| file.unchanged),
            refused: total(|file| file.refused),
            files,
        }
    }

    pub(super) fn as_json(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        visible_json(&text).into_owned()
    }
}

impl FileSummary {
    fn of(file: &File, is_dry: bool) -> Self {
        let nothing = Self {
            path: file.path.clone(),
            outcome: "failed",
            is_dry,
            ..Self::default()
        };
        let imported = match &file.outcome {
            Ok(imported) => imported,
            Err(failure) => {
                return Self {
                    message: Some(failure.message.clone()),
                    ..nothing
                };
            }
        };
        let message = imported.message();
        Self {
            outcome: match &message {
                None => "complete",
                Some(_) if imported.is_stopped => "interrupted",
                Some(_) => "partial",
            },
            kind: Some(imported.kind.as_str()),
            sha256: imported.sha256.clone(),
            rows_read: imported.rows_read,
            inserted: imported.recorded.inserted,
            updated: imported.recorded.updated,
            unchanged: imported.recorded.unchanged,
            refused: imported.refused,
            message,
            ..nothing
        }
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
            counted(self.inserted, "new action"),
            grouped(self.updated),
            grouped(self.unchanged),
            counted(self.refused, "row"),
        ))
    }

    /// The number of refused rows that are not described, in words.
    pub(super) fn unnamed_rows(&self) -> Option<String> {
        let more = self.refused.checked_sub(DESCRIBED + 1)? + 1;
        let rows = counted(more, "more row");
        Some(format!("{}: {rows} refused", self.path))
    }
}
