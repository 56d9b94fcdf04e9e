//! The available reports: those of the program, and the user's own files.
//!
//! A file that is not a valid report is a problem and does not affect the other reports. A file with the name of an
//! embedded report is a problem too: otherwise the same command would give a different answer on another machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Error, Report, text};
use crate::core::files::read_text;

/// Name and text of each embedded report, in the order of display.
const EMBEDDED: [(&str, &str); 13] = [
    ("downtime", include_str!("questions/downtime.sql")),
    ("uptime", include_str!("questions/uptime.sql")),
    ("power-state", include_str!("questions/power-state.sql")),
    ("reboot-loops", include_str!("questions/reboot-loops.sql")),
    ("lifetimes", include_str!("questions/lifetimes.sql")),
    ("stale-backups", include_str!("questions/stale-backups.sql")),
    ("backup-gaps", include_str!("questions/backup-gaps.sql")),
    (
        "unprotected-changes",
        include_str!("questions/unprotected-changes.sql"),
    ),
    ("failures", include_str!("questions/failures.sql")),
    ("stuck", include_str!("questions/stuck.sql")),
    ("slow", include_str!("questions/slow.sql")),
    ("busiest", include_str!("questions/busiest.sql")),
    ("no-end", include_str!("questions/no-end.sql")),
];

/// The available reports.
#[derive(Clone, Debug, Default)]
pub struct Library {
    /// The reports: first the embedded ones, then the user's.
    pub reports: Vec<Report>,
    /// The problems of files that should be reports, by name.
    pub problems: Vec<String>,
}

impl Library {
    /// The embedded reports, and the files `*.sql` of `folder` by name. A missing folder has no reports.
    #[must_use]
    pub fn load(folder: Option<&Path>) -> Self {
        let mut library = Self::default();
        for (name, sql) in EMBEDDED {
            library.add(name, sql.to_owned(), None);
        }
        if let Some(folder) = folder {
            library.add_folder(folder);
        }
        library
    }

    /// The report with this name.
    ///
    /// # Errors
    /// When no report has this name.
    pub fn get(&self, name: &str) -> Result<&Report, Error> {
        let found = self.reports.iter().find(|report| report.name == name);
        found.ok_or_else(|| Error::Invalid(format!("there is no report `{name}`")))
    }

    /// Removes the reports that have a parameter with a refused name. The caller needs this name for another purpose.
    #[must_use]
    pub fn without_parameters(mut self, is_refused: impl Fn(&str) -> bool) -> Self {
        self.reports.retain(|report| {
            let mut names = report.parameters.iter().map(|parameter| &parameter.name);
            let refused = names.find(|name| is_refused(name));
            self.problems.extend(refused.map(|name| {
                let message = format!("rename the parameter `{name}`: a flag has this name");
                report.problem(None, &message)
            }));
            refused.is_none()
        });
        self
    }

    fn add_folder(&mut self, folder: &Path) {
        let unreadable =
            |path: &Path, error| format!("{}: cannot be read: {error}", path.display());
        let paths = match sql_files(folder) {
            Ok(paths) => paths,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => return self.problems.push(unreadable(folder, error)),
        };
        for path in paths {
            // A name that is not UTF-8 is refused as any other that has no letters.
            let name = path.file_stem().unwrap_or_default();
            let name = name.to_string_lossy().into_owned();
            match read_text(&path) {
                Ok(sql) => self.add(&name, sql, Some(path)),
                Err(error) => self.problems.push(unreadable(&path, error)),
            }
        }
    }

    fn add(&mut self, name: &str, sql: String, file: Option<PathBuf>) {
        let report = Report {
            name: name.to_owned(),
            sql,
            file,
            ..Report::default()
        };
        let read = if !text::is_word(name, '-') {
            Err(report.problem(None, NAMES))
        } else if self.get(name).is_ok() {
            let message = format!("`{name}` is a report of archiver: rename the file");
            Err(report.problem(None, &message))
        } else {
            text::with_header(report)
        };
        match read {
            Ok(report) => self.reports.push(report),
            Err(problem) => self.problems.push(problem),
        }
    }
}

const NAMES: &str = "a report is named with small letters, digits and -, as in my-report.sql";

fn sql_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths = entries.collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension() == Some("sql".as_ref()));
    paths.sort();
    Ok(paths)
}
