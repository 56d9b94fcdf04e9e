//! Compares the schema of a file with the schema of the migrations.
//!
//! The file is an interface, and users add to it: a view, an index, another table. Archiver does not touch these, and
//! no statement of a sync names them. But some changes affect a sync:
//! - A trigger runs inside the statements of a sync.
//! - A changed column or constraint decides what these statements store.
//! - A changed view of archiver is read when rows are counted.
//! - Some added objects can refuse a row that a sync has to write: a unique index, an index that computes from each row
//!   (an overflow, a text that is not JSON, a text of a gigabyte), a table that refers to columns that are not a key.
//!
//! A sync does not write to an archive with such a change.
//!
//! SQLite uses the SQL text of an object. It accepts the word for the kind in upper or lower case, and ignores the name
//! column.

use super::error::{Error, Step};
use super::indexes;
use super::migrations::{self, Object, READ_SCHEMA, text};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use std::collections::BTreeMap;
use std::path::Path;

/// A difference between a file's schema and that of the migrations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SchemaDrift {
    /// The kind of the difference.
    pub kind: DriftKind,
    /// The object that differs: as it is in the file, or as the migrations make it.
    pub object: Object,
}

/// The kind of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DriftKind {
    /// A trigger. The migrations create none.
    Trigger,
    /// A table or view of archiver is missing.
    Missing,
    /// A table, view or index of archiver has another definition than in the migrations.
    Changed,
    /// An added index on a table of archiver, or an added table that refers to one. It can refuse rows that a sync has
    /// to write.
    Refusing,
    /// An added table or view whose name has a special meaning for SQLite in a statement.
    Shadowing,
    /// An index of archiver is missing, and no sync creates it again.
    MissingIndex,
    /// A large index that a first sync deferred. The next sync creates it.
    PutOff,
    /// An added object that does not affect a sync.
    Added,
}

impl DriftKind {
    /// True when a sync does not write to an archive with this difference.
    #[must_use]
    pub fn is_refused(self) -> bool {
        !matches!(self, Self::MissingIndex | Self::PutOff | Self::Added)
    }
}

impl std::fmt::Display for SchemaDrift {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let object = &self.object;
        write!(formatter, "the {} `{}`", object.kind, object.name)?;
        if let "index" | "trigger" = object.kind.as_str() {
            write!(formatter, " on `{}`", object.table)?;
        }
        formatter.write_str(match self.kind {
            DriftKind::Trigger => " is not archiver's",
            DriftKind::Missing | DriftKind::MissingIndex => " is missing",
            DriftKind::Changed => " is not as archiver makes it",
            DriftKind::Refusing => " is not archiver's, and can refuse rows",
            DriftKind::Shadowing => " has a name that SQLite uses itself",
            DriftKind::PutOff => " was put off until the next sync",
            DriftKind::Added => " was added by another program",
        })
    }
}

/// The objects of a schema by their kind and name.
type Objects = BTreeMap<(String, String), Object>;

/// All differences between the schema of an archive and the migrations up to its version.
///
/// # Errors
/// When the schema cannot be read.
pub fn schema_drift(connection: &Connection) -> Result<Vec<SchemaDrift>, Error> {
    let version = migrations::version(connection)?;
    let model = objects(&migrations::model(version)?)?;
    let mut found = objects(connection)?;
    let mut schema_drift = Vec::new();
    for (key, ours) in &model {
        let kind = match found.remove(key) {
            Some(there) if Statement::of(&there.sql) == Statement::of(&ours.sql) => continue,
            Some(_) => DriftKind::Changed,
            None if indexes::LARGE.contains(&ours.name.as_str()) => DriftKind::PutOff,
            None if ours.kind == "index" => DriftKind::MissingIndex,
            None => DriftKind::Missing,
        };
        let object = ours.clone();
        schema_drift.push(SchemaDrift { kind, object });
    }
    for object in found.into_values() {
        let kind = kind_of_added(connection, &model, &object)?;
        schema_drift.push(SchemaDrift { kind, object });
    }
    schema_drift.sort();
    Ok(schema_drift)
}

/// The effect of an object that the migrations do not create.
fn kind_of_added(
    connection: &Connection,
    model: &Objects,
    added: &Object,
) -> Result<DriftKind, Error> {
    let is_ours =
        |table: &str| model.contains_key(&("table".to_owned(), table.to_ascii_lowercase()));
    let statement = Statement::of(&added.sql);
    Ok(match added.kind.as_str() {
        "index" if !is_ours(&added.table) => DriftKind::Added,
        "index" if statement.makes_unique_index() || statement.computes() => DriftKind::Refusing,
        "index" => DriftKind::Added,
        "table" | "view" if is_name_of_sqlite(&added.name) => DriftKind::Shadowing,
        "table" if refers_to_no_key(connection, &added.name, is_ours)? => DriftKind::Refusing,
        "table" | "view" => DriftKind::Added,
        // A trigger, or an object with an unknown type.
        _ => DriftKind::Trigger,
    })
}

/// True when a table refers to columns of an archiver table that are not its primary key. The primary key is the only
/// key that SQLite could use, so SQLite then refuses every change of the archiver table
/// (<https://www.sqlite.org/foreignkeys.html#fk_indexes>).
fn refers_to_no_key(
    connection: &Connection,
    table: &str,
    is_ours: impl Fn(&str) -> bool,
) -> Result<bool, Error> {
    let mut found = false;
    let read = connection.pragma(None, "foreign_key_list", table, |row| {
        let (parent, column) = (text(row, "table")?, text(row, "to")?);
        // Without a column, the reference means the primary key.
        let is_meant = row.get_ref("to")? != ValueRef::Null && is_ours(&parent);
        found |= is_meant && !is_key(connection, &parent, &column)?;
        Ok(())
    });
    read.step(READ_SCHEMA).map(|()| found)
}

/// True when a column alone is the primary key.
fn is_key(connection: &Connection, table: &str, column: &str) -> rusqlite::Result<bool> {
    let mut keys = Vec::new();
    connection.pragma(None, "table_info", table, |row| {
        if row.get::<_, i64>("pk")? > 0 {
            keys.push(text(row, "name")?);
        }
        Ok(())
    })?;
    Ok(matches!(keys.as_slice(), [key] if key.eq_ignore_ascii_case(column)))
}

/// Refuses an archive whose schema differs from the migrations in a way that affects the writes of a sync.
pub(super) fn refuse(connection: &Connection, path: &Path) -> Result<(), Error> {
    let refused: Vec<_> = schema_drift(connection)?
        .into_iter()
        .filter(|drift| drift.kind.is_refused())
        .map(|drift| drift.to_string())
        .collect();
    if refused.is_empty() {
        return Ok(());
    }
    Err(Error::Altered {
        path: path.to_owned(),
        what: refused.join("; "),
    })
}

/// True for table-valued functions of SQLite. Statements of the archive read from them, and a table with the same name
/// would take precedence.
fn is_name_of_sqlite(name: &str) -> bool {
    name.starts_with("pragma_") || name.starts_with("json_")
}

/// Tables that SQLite creates by itself. No statement of a sync writes to them.
const MADE_BY_SQLITE: [&str; 3] = ["sqlite_stat1", "sqlite_stat4", "sqlite_sequence"];

/// All objects except those that SQLite creates by itself.
fn objects(connection: &Connection) -> Result<Objects, Error> {
    let objects = migrations::objects(connection)?.into_iter();
    let others = objects
        .filter(|it| it.kind != "table" || !MADE_BY_SQLITE.contains(&it.name.as_str()))
        .map(|it| ((it.kind.clone(), it.name.clone()), it));
    Ok(others.collect())
}

/// The tokens of a statement: words in lower case, quoted texts and names unchanged, every other character as a token
/// of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Statement(Vec<String>);

impl Statement {
    fn of(sql: &str) -> Self {
        let mut tokens = Vec::new();
        let mut rest = sql;
        while let Some(first) = rest.chars().next() {
            let length = match first {
                ' ' | '\t' | '\n' | '\r' | '\u{c}' => 1,
                '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
                // The first `*/` after the opening: `/*/` is not closed yet.
                '/' if rest.starts_with("/*") && rest.len() > 2 => {
                    rest[2..].find("*/").map_or(rest.len(), |end| end + 4)
                }
                _ => {
                    let length = length_of_token(rest, first);
                    let token = &rest[..length];
                    tokens.push(match is_of_word(first) {
                        true => token.to_ascii_lowercase(),
                        false => token.to_owned(),
                    });
                    length
                }
            };
            rest = &rest[length..];
        }
        Self(tokens)
    }

    /// True when the statement creates a unique index.
    fn makes_unique_index(&self) -> bool {
        self.0.get(1).is_some_and(|word| word == "unique")
    }

    /// True when an index does more than sort by columns. It calls a function, uses an operator that can fail or grow,
    /// or uses a collation that SQLite does not have by itself. An index does this for each row that is written.
    fn computes(&self) -> bool {
        let columns = self.0.iter().position(|token| token == "(");
        let tokens = columns.map_or(&self.0[..], |at| &self.0[at..]);
        tokens.windows(2).any(|pair| {
            let [before, token] = [pair[0].as_str(), pair[1].as_str()];
            let is_name =
                before.starts_with(|it| is_of_word(it) || matches!(it, '"' | '`' | '[' | '\''));
            let is_call = token == "(" && is_name && !BEFORE_GROUPS.contains(&before);
            let is_foreign = before == "collate" && !COLLATIONS.contains(&token);
            let is_operator = matches!((before, token), ("-", ">") | ("|", "|"));
            is_call || is_foreign || is_operator || CALLING_WORDS.contains(&token)
        })
    }
}

/// Words before a bracket that does not belong to a function.
const BEFORE_GROUPS: [&str; 10] = [
    "in", "and", "or", "not", "where", "between", "when", "then", "else", "case",
];
/// Operators that call functions.
const CALLING_WORDS: [&str; 4] = ["like", "glob", "match", "regexp"];
/// The collations that every connection has.
const COLLATIONS: [&str; 3] = ["binary", "nocase", "rtrim"];

fn length_of_token(text: &str, first: char) -> usize {
    match first {
        '\'' | '"' | '`' => length_of_quoted(text, first),
        '[' => text.find(']').map_or(text.len(), |end| end + 1),
        // A blob: a word together with the quoted text that follows immediately.
        'x' | 'X' if text[1..].starts_with('\'') => 1 + length_of_quoted(&text[1..], '\''),
        _ if is_of_word(first) => text.find(|it| !is_of_word(it)).unwrap_or(text.len()),
        _ => first.len_utf8(),
    }
}

/// True for letters, digits and all characters beyond ASCII, including spaces of other scripts.
fn is_of_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '$') || !character.is_ascii()
}

/// The length in bytes of a quoted text or name, with its quotes. A doubled quote stands for one quote.
fn length_of_quoted(text: &str, quote: char) -> usize {
    let mut at = 1;
    while let Some(next) = text[at..].find(quote) {
        at += next + 1;
        if !text[at..].starts_with(quote) {
            return at;
        }
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_is_what_its_migrations_make() {
        for version in 0..=migrations::LATEST_VERSION {
            let connection = migrations::model(version).unwrap();
            assert_eq!(schema_drift(&connection).unwrap(), [], "{version}");
        }
    }

    #[test]
    fn what_makes_no_difference_is_none() {
        let plain = Statement::of("CREATE TABLE a (b TEXT NOT NULL, c DEFAULT 'X  y')");
        for same in [
            "create table a(b text not null,c default 'X  y')",
            "CREATE  TABLE a (\n  b TEXT NOT NULL, -- why\n  c /* what */ DEFAULT 'X  y'\n)",
            "CREATE TABLE a (b TEXT\tNOT NULL , c DEFAULT 'X  y') -- end",
            "CREATE TABLE a (b TEXT/*/ what /*/NOT NULL, c DEFAULT 'X  y'/**/)",
        ] {
            assert_eq!(Statement::of(same), plain, "{same}");
        }
    }

    #[test]
    fn what_makes_a_difference_is_one() {
        let plain = Statement::of("CREATE TABLE a (b TEXT NOT NULL, c DEFAULT 'X  y')");
        for other in [
            "CREATE TABLE a (b TEXT NOT NULL, c DEFAULT 'x  y')",
            "CREATE TABLE a (b TEXT NOT NULL, c DEFAULT 'X y')",
            "CREATE TABLE a (b TEXT NOT NULL, c DEFAULT \"X  y\")",
            "CREATE TABLE a (bTEXT NOT NULL, c DEFAULT 'X  y')",
            "CREATE TABLE a (b TEXT NOT NULL, c DEFAULT 'X  y', CHECK (b))",
            "CREATE TABLE a (b TEXT, c DEFAULT 'X  y')",
            "CREATE TABLE a (b TEXT \"not\" NULL, c DEFAULT 'X  y')",
            "CREATE TABLE a (b TEXT NOT\u{a0}NULL, c DEFAULT 'X  y')",
            "CREATE TABLE a (b TEXT NOT NULL, c DEFAULT 'X  y''')",
            // These comments end where SQLite ends them, and not where they seem to end.
            "CREATE TABLE a (b TEXT NOT NULL, c DEFAULT 'X  y'/*/ -- */, CHECK (b)\n)",
            "CREATE TABLE a (b TEXT NOT NULL, c DEFAULT 'X  y' -- */\n, CHECK (b))",
            "CREATE TABLE a (b TEXT NOT NULL, c DEFAULT 'X  y')\0",
        ] {
            assert_ne!(Statement::of(other), plain, "{other}");
        }
        assert_ne!(Statement::of("x'00'"), Statement::of("x '00'"));
        assert_ne!(Statement::of("\"a\"\"b\""), Statement::of("ab"));
        assert_ne!(Statement::of("[a b]"), Statement::of("a b"));
    }

    #[test]
    fn a_text_that_never_ends_is_no_reason_to_stop() {
        for text in [
            "'", "\"", "/*", "/*/", "/", "--", "'é", "é", "x'", "``", "[", "",
        ] {
            let tokens = Statement::of(text).0;
            assert!(tokens.concat().len() <= text.len(), "{text}");
        }
    }

    #[test]
    fn an_index_that_only_sorts_is_told_from_one_that_computes() {
        for plain in [
            "CREATE INDEX a ON actions (type, started_at DESC)",
            "CREATE INDEX a ON actions (type COLLATE NOCASE) WHERE status = 'errored' AND (id > 7 OR type IS NULL)",
            "CREATE INDEX a ON actions (type) WHERE type IN ('reboot', 'abs(1)') AND NOT (id = 1)",
        ] {
            assert!(!Statement::of(plain).computes(), "{plain}");
        }
        for computing in [
            "CREATE INDEX a ON actions (abs(id))",
            "CREATE INDEX a ON actions (abs (id))",
            "CREATE INDEX a ON actions (\"abs\"(id))",
            "CREATE INDEX a ON actions (id) WHERE json_extract(extra, '$.x') = 1",
            "CREATE INDEX a ON actions (extra -> 'x')",
            "CREATE INDEX a ON actions (type || type)",
            "CREATE INDEX a ON actions (type COLLATE mine)",
            "CREATE INDEX a ON actions (id) WHERE type LIKE '%a%'",
            "CREATE INDEX a ON actions (CAST(id AS TEXT))",
        ] {
            assert!(Statement::of(computing).computes(), "{computing}");
        }
    }
}
