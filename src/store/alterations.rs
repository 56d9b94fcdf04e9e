//! What is in the schema of a file, held against what the migrations make.
//!
//! The file is an interface, and people add to it: a view of their own, an index, a table beside. None of that is
//! touched, and no statement of a sync names it. But a trigger runs inside the statements of a sync, a column or a
//! constraint that was changed decides what they store, a view of the archive's that was changed is read where rows are
//! counted, and a unique index can refuse a row: with any of these a sync does not write.
//!
//! An index over an expression runs inside a sync too. SQLite lets it compute from the row alone, with functions that
//! have no effect (<https://www.sqlite.org/expridx.html>, and `trusted_schema` is off), so it is tolerated.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;

use super::error::{Error, Step};
use super::indexes;
use super::migrations;

/// A difference between a file's schema and that of the migrations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alteration {
    /// What the difference is.
    pub kind: AlterationKind,
    /// `table`, `index`, `view` or `trigger`.
    pub object: String,
    /// Its name.
    pub name: String,
    /// The table that it belongs to, of an index or a trigger.
    pub table: String,
}

/// How a schema differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlterationKind {
    /// A trigger; the migrations make none.
    Trigger,
    /// A table or view of the archive that is not there.
    Missing,
    /// A table, view or index of the archive that is not made as the migrations make it.
    Changed,
    /// A unique index that somebody added to a table of the archive: it can refuse what a sync has to write.
    Unique,
    /// A table or view that somebody added with a name that means something of SQLite's own in a statement.
    Shadowing,
    /// An index of the archive that is not there, and that no sync makes again.
    MissingIndex,
    /// A large index that a first sync put off; the next sync makes it.
    PutOff,
    /// Something that somebody added, and that no sync minds.
    Added,
}

impl AlterationKind {
    /// Whether a sync does not write to such an archive.
    #[must_use]
    pub fn is_refused(self) -> bool {
        !matches!(self, Self::MissingIndex | Self::PutOff | Self::Added)
    }
}

impl std::fmt::Display for Alteration {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            kind,
            object,
            name,
            table,
        } = self;
        let on = match object.as_str() {
            "index" | "trigger" => format!(" on `{table}`"),
            _ => String::new(),
        };
        let what = match kind {
            AlterationKind::Trigger => "is not archiver's",
            AlterationKind::Missing | AlterationKind::MissingIndex => "is missing",
            AlterationKind::Changed => "is not as archiver makes it",
            AlterationKind::Unique => "is not archiver's, and can refuse rows",
            AlterationKind::Shadowing => "has a name that SQLite uses itself",
            AlterationKind::PutOff => "was put off until the next sync",
            AlterationKind::Added => "was added by somebody else",
        };
        write!(formatter, "the {object} `{name}`{on} {what}")
    }
}

/// By kind and name: the table it belongs to, and the statement that makes it.
type Objects = BTreeMap<(String, String), (String, String)>;

/// All differences between the schema of an archive and that of the migrations up to its version.
///
/// # Errors
/// When the schema cannot be read.
pub fn alterations(connection: &Connection) -> Result<Vec<Alteration>, Error> {
    let version = migrations::version(connection)?;
    let model = objects(&migrations::model(version)?)?;
    let mut found = objects(connection)?;
    let mut alterations = Vec::new();
    for ((object, name), (table, sql)) in &model {
        let there = found.remove(&(object.clone(), name.clone()));
        let kind = match there {
            Some((_, there)) if canonical(&there) == canonical(sql) => continue,
            Some(_) => AlterationKind::Changed,
            None if indexes::LARGE.contains(&name.as_str()) => AlterationKind::PutOff,
            None if object == "index" => AlterationKind::MissingIndex,
            None => AlterationKind::Missing,
        };
        alterations.push(Alteration {
            kind,
            object: object.clone(),
            name: name.clone(),
            table: table.clone(),
        });
    }
    let added = found.into_iter();
    alterations.extend(added.map(|((object, name), (table, sql))| Alteration {
        kind: kind_of_added(&model, &object, &name, &table, &sql),
        object,
        name,
        table,
    }));
    alterations.sort();
    Ok(alterations)
}

/// What it means that something is there which the migrations do not make.
fn kind_of_added(
    model: &Objects,
    object: &str,
    name: &str,
    table: &str,
    sql: &str,
) -> AlterationKind {
    let is_ours = model.contains_key(&("table".to_owned(), table.to_ascii_lowercase()));
    let is_unique = canonical(sql).starts_with("create unique ");
    match object {
        "trigger" => AlterationKind::Trigger,
        "index" if is_ours && is_unique => AlterationKind::Unique,
        "table" | "view" if is_name_of_sqlite(name) => AlterationKind::Shadowing,
        _ => AlterationKind::Added,
    }
}

/// Refuses an archive whose schema is not what the migrations make, as far as that matters to what a sync writes.
pub(super) fn refuse(connection: &Connection, path: &Path) -> Result<(), Error> {
    let refused: Vec<_> = alterations(connection)?
        .into_iter()
        .filter(|alteration| alteration.kind.is_refused())
        .map(|alteration| alteration.to_string())
        .collect();
    if refused.is_empty() {
        return Ok(());
    }
    Err(Error::Altered {
        path: path.to_owned(),
        what: refused.join("; "),
    })
}

/// Tables that are functions: statements of the archive read from them, and a table of that name would come first.
fn is_name_of_sqlite(name: &str) -> bool {
    name.starts_with("pragma_") || name.starts_with("json_")
}

/// All but what SQLite makes by itself.
fn objects(connection: &Connection) -> Result<Objects, Error> {
    let sql = "
        SELECT type, lower(name), tbl_name, sql
          FROM sqlite_schema
         WHERE sql IS NOT NULL
           AND (type = 'trigger' OR name NOT LIKE 'sqlite\\_%' ESCAPE '\\')";
    connection
        .prepare(sql)
        .and_then(|mut statement| {
            let rows = statement.query_map([], |row| {
                Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?)))
            })?;
            rows.collect()
        })
        .step("cannot read the archive's schema")
}

/// A statement without what makes no difference: comments, white space, case, and quotes around plain names.
fn canonical(sql: &str) -> String {
    let mut text = String::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let (piece, length) = match first {
            '-' if rest.starts_with("--") => (" ".into(), rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => {
                let end = rest.find("*/").map_or(rest.len(), |end| end + 2);
                (" ".into(), end)
            }
            '\'' => quoted(rest, first),
            '"' | '`' => {
                let (piece, length) = quoted(rest, first);
                let name = piece.trim_matches(first);
                let is_plain = name.chars().all(|it| it.is_alphanumeric() || it == '_');
                (if is_plain { name.to_lowercase() } else { piece }, length)
            }
            _ => (first.to_lowercase().collect(), first.len_utf8()),
        };
        append(&mut text, &piece);
        rest = &rest[length..];
    }
    text.trim().to_owned()
}

/// A text or name in quotes, with them, and its length in bytes.
fn quoted(text: &str, quote: char) -> (String, usize) {
    let end = text[1..].find(quote).map_or(text.len(), |end| end + 2);
    (text[..end].to_owned(), end)
}

/// Adds a piece; white space is kept as one space, and only between words.
fn append(text: &mut String, piece: &str) {
    let is_word = |it: char| it.is_alphanumeric() || it == '_';
    if piece.chars().all(char::is_whitespace) {
        if text.ends_with(is_word) {
            text.push(' ');
        }
        return;
    }
    if text.ends_with(' ') && !piece.starts_with(is_word) {
        text.pop();
    }
    text.push_str(piece);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_difference_is_none() {
        let plain = canonical("CREATE TABLE a (b TEXT NOT NULL, c DEFAULT 'X  y')");
        for same in [
            "create table a(b text not null,c default 'X  y')",
            "CREATE  TABLE \"a\" (\n  b TEXT NOT NULL, -- why\n  c /* what */ DEFAULT 'X  y'\n)",
            "CREATE TABLE `a` (b TEXT\tNOT NULL , c DEFAULT 'X  y') -- end",
        ] {
            assert_eq!(canonical(same), plain, "{same}");
        }
        for other in [
            "CREATE TABLE a (b TEXT NOT NULL, c DEFAULT 'x  y')",
            "CREATE TABLE a (b TEXT NOT NULL, c DEFAULT 'X y')",
            "CREATE TABLE a (bTEXT NOT NULL, c DEFAULT 'X  y')",
            "CREATE TABLE a (b TEXT NOT NULL, c DEFAULT 'X  y', CHECK (b))",
            "CREATE TABLE a (b TEXT, c DEFAULT 'X  y')",
        ] {
            assert_ne!(canonical(other), plain, "{other}");
        }
    }

    #[test]
    fn a_text_that_never_ends_is_no_reason_to_stop() {
        for text in ["'", "\"", "/*", "--", "'é", "é", "x'", "``", ""] {
            assert!(canonical(text).len() <= text.len(), "{text}");
        }
    }

    #[test]
    fn every_version_is_what_its_migrations_make() {
        for version in 0..=migrations::LATEST_VERSION {
            let connection = migrations::model(version).unwrap();
            assert_eq!(alterations(&connection).unwrap(), [], "{version}");
        }
    }
}
