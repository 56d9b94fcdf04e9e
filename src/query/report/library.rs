//! The available reports: those of the program, and the user's own files.
//!
//! A file that is not a valid report is a [`Problem`] and does not affect the other reports. A file with the name of an
//! embedded report is a problem too: otherwise the same command would give a different answer on another machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Error, Origin, Problem, Report, header};
use crate::core::files::read_text;
use crate::core::similar::nearest;

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
    reports: Vec<Report>,
    problems: Vec<Problem>,
}

impl Library {
    /// The embedded reports, and the files `*.sql` of `folder` by name. A missing folder has no reports.
    #[must_use]
    pub fn load(folder: Option<&Path>) -> Self {
        let mut library = Self::default();
        for (name, sql) in EMBEDDED {
            library.add(name, sql.to_owned(), Origin::Embedded);
        }
        if let Some(folder) = folder {
            library.add_folder(folder);
        }
        library
    }

    /// The reports: first the embedded ones, then the user's.
    #[must_use]
    pub fn reports(&self) -> &[Report] {
        &self.reports
    }

    /// The problems of files that should be reports, by name.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The report with this name.
    ///
    /// # Errors
    /// When no report has this name, or its file is not a valid report.
    pub fn get(&self, name: &str) -> Result<&Report, Error> {
        if let Some(report) = self.reports.iter().find(|report| report.name == name) {
            return Ok(report);
        }
        let of_that_name = |problem: &&Problem| problem.path.file_stem() == Some(name.as_ref());
        if let Some(problem) = self.problems.iter().find(of_that_name) {
            return Err(Error::Unusable {
                name: name.to_owned(),
                problem: problem.clone(),
            });
        }
        let names = self.reports.iter().map(|report| report.name.as_str());
        Err(Error::UnknownReport {
            name: name.to_owned(),
            near: nearest(name, names),
        })
    }

    /// Removes the reports that have a parameter with a refused name. The caller needs this name for another purpose.
    #[must_use]
    pub fn without_parameters(mut self, is_refused: impl Fn(&str) -> bool) -> Self {
        for report in std::mem::take(&mut self.reports) {
            let mut names = report.parameters.iter().map(|parameter| &parameter.name);
            match names.find(|name| is_refused(name)) {
                None => self.reports.push(report),
                Some(name) => {
                    let message = format!("rename the parameter `{name}`: a flag has this name");
                    self.refuse(&report.origin.path(&report.name), message);
                }
            }
        }
        self
    }

    fn add_folder(&mut self, folder: &Path) {
        let paths = match sql_files(folder) {
            Ok(paths) => paths,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => return self.refuse(folder, format!("cannot be read: {error}")),
        };
        for path in paths {
            // A name that is not UTF-8 is refused as any other that has no letters.
            let name = path.file_stem().unwrap_or_default();
            let name = name.to_string_lossy().into_owned();
            match read_text(&path) {
                Ok(sql) => self.add(&name, sql, Origin::File(path)),
                Err(error) => self.refuse(&path, format!("cannot be read: {error}")),
            }
        }
    }

    fn add(&mut self, name: &str, sql: String, origin: Origin) {
        let path = origin.path(name);
        if !is_name(name) {
            return self.refuse(&path, NAMES.to_owned());
        }
        if self.reports.iter().any(|report| report.name == name) {
            let message = format!("`{name}` is a report of archiver: rename the file");
            return self.refuse(&path, message);
        }
        match header::parse(name, sql, origin) {
            Ok(report) => self.reports.push(report),
            Err(problem) => self.problems.push(problem),
        }
    }

    fn refuse(&mut self, path: &Path, message: String) {
        self.problems.push(Problem {
            path: path.to_owned(),
            line: None,
            message,
        });
    }
}

const NAMES: &str = "a report is named with small letters, digits and -, as in my-report.sql";

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
        && name
            .chars()
            .all(|each| each.is_ascii_lowercase() || each.is_ascii_digit() || each == '-')
}

fn sql_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension() == Some("sql".as_ref()) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
