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

use super::connection::rows;
use super::error::{Error, Step};
use super::{indexes, migrations};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, RowIndex};
use std::collections::BTreeMap;
use std::path::Path;

/// A difference between a file's schema and that of the migrations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SchemaDrift {
    /// The kind of the difference.
    pub kind: DriftKind,
    /// `table`, `index`, `view` or `trigger`.
    pub object: String,
    /// Its name.
    pub name: String,
    /// The table of an index or a trigger.
    pub table: String,
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
            DriftKind::Trigger => "is not archiver's",
            DriftKind::Missing | DriftKind::MissingIndex => "is missing",
            DriftKind::Changed => "is not as archiver makes it",
            DriftKind::Refusing => "is not archiver's, and can refuse rows",
            DriftKind::Shadowing => "has a name that SQLite uses itself",
            DriftKind::PutOff => "was put off until the next sync",
            DriftKind::Added => "was added by another program",
        };
        write!(formatter, "the {object} `{name}`{on} {what}")
    }
}

/// Key: kind and name. Value: the table and the SQL text.
type Objects = BTreeMap<(String, String), (String, String)>;

/// All differences between the schema of an archive and the migrations up to its version.
///
/// # Errors
/// When the schema cannot be read.
pub fn schema_drift(connection: &Connection) -> Result<Vec<SchemaDrift>, Error> {
    let version = migrations::version(connection)?;
    let model = objects(&migrations::model(version)?)?;
    let mut found = objects(connection)?;
    let mut schema_drift = Vec::new();
    for ((object, name), (table, sql)) in &model {
        let there = found.remove(&(object.clone(), name.clone()));
        let kind = match there {
            Some((_, there)) if without_blanks(&there) == without_blanks(sql) => continue,
            Some(_) => DriftKind::Changed,
            None if indexes::LARGE.contains(&name.as_str()) => DriftKind::PutOff,
            None if object == "index" => DriftKind::MissingIndex,
            None => DriftKind::Missing,
        };
        schema_drift.push(SchemaDrift {
            kind,
            object: object.clone(),
            name: name.clone(),
            table: table.clone(),
        });
    }
    for ((object, name), (table, sql)) in found {
        schema_drift.push(SchemaDrift {
            kind: kind_of_added(connection, &model, &object, &name, &table, &sql)?,
            object,
            name,
            table,
        });
    }
    schema_drift.sort();
    Ok(schema_drift)
}

/// The effect of an object that the migrations do not create.
fn kind_of_added(
    connection: &Connection,
    model: &Objects,
    object: &str,
    name: &str,
    table: &str,
    sql: &str,
) -> Result<DriftKind, Error> {
    let is_ours =
        |table: &str| model.contains_key(&("table".to_owned(), table.to_ascii_lowercase()));
    Ok(match object {
        "index" if !is_ours(table) => DriftKind::Added,
        "index" if can_refuse_rows(connection, table, name, sql)? => DriftKind::Refusing,
        "index" => DriftKind::Added,
        "table" | "view" if is_name_of_sqlite(name) => DriftKind::Shadowing,
        "table" if refers_to_no_key(connection, name, is_ours)? => DriftKind::Refusing,
        "table" | "view" => DriftKind::Added,
        // A trigger, or an object with an unknown type.
        _ => DriftKind::Trigger,
    })
}

/// True when an index is unique, or does more than sort and compare: it calls a function, uses an operator that can fail
/// or grow, or a collation that SQLite does not have by itself. An index does this for each row that is written.
fn can_refuse_rows(
    connection: &Connection,
    table: &str,
    name: &str,
    sql: &str,
) -> Result<bool, Error> {
    // An index that SQLite does not have under this name is not known to be harmless.
    let mut is_harmless = false;
    connection
        .pragma(None, "index_list", table, |row| {
            if text(row, "name")?.eq_ignore_ascii_case(name) {
                is_harmless = !row.get::<_, bool>("unique")?;
            }
            Ok(())
        })
        .step(READ_SCHEMA)?;
    connection
        .pragma(None, "index_xinfo", name, |row| {
            let collation = text(row, "coll")?.to_ascii_lowercase();
            is_harmless &=
                row.get::<_, i64>("cid")? != EXPRESSION && COLLATIONS.contains(&collation.as_str());
            Ok(())
        })
        .step(READ_SCHEMA)?;
    let sql = sql.to_ascii_lowercase();
    let condition = sql.find("where").map_or("", |at| &sql[at..]);
    let condition = condition.replace(" in (", "");
    Ok(!is_harmless || COMPUTING.iter().any(|it| condition.contains(it)))
}

/// The number that `index_xinfo` gives for a column that is computed.
const EXPRESSION: i64 = -2;
/// The collations that every connection has.
const COLLATIONS: [&str; 3] = ["binary", "nocase", "rtrim"];
/// The condition of a partial index does not contain any of these if it only compares columns with values.
const COMPUTING: [&str; 8] = [
    "(", "->", "||", "like", "glob", "match", "regexp", "collate",
];

/// The lines of an SQL text without blanks: versions of SQLite may leave different blanks when they alter a table. The end
/// of a line also ends a comment, and no-break spaces are not blanks for SQLite.
fn without_blanks(sql: &str) -> Vec<String> {
    let lines = sql.split('\n');
    lines
        .map(|line| line.split_ascii_whitespace().collect())
        .collect()
}

/// True when a table refers to columns of an archiver table that are not its primary key. The primary key is the only
/// key that SQLite could use, so SQLite then refuses every change of the archiver table
/// (<https://www.sqlite.org/foreignkeys.html#fk_indexes>).
fn refers_to_no_key(
    connection: &Connection,
    table: &str,
    is_ours: impl Fn(&str) -> bool,
) -> Result<bool, Error> {
    let mut parents: Vec<(String, String)> = Vec::new();
    connection
        .pragma(None, "foreign_key_list", table, |row| {
            // Without a column, the reference means the primary key.
            if row.get_ref("to")? != ValueRef::Null {
                parents.push((text(row, "table")?, text(row, "to")?));
            }
            Ok(())
        })
        .step(READ_SCHEMA)?;
    for (parent, column) in parents {
        if is_ours(&parent) && !is_key(connection, &parent, &column)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// True when a column alone is the primary key.
fn is_key(connection: &Connection, table: &str, column: &str) -> Result<bool, Error> {
    let mut keys = Vec::new();
    connection
        .pragma(None, "table_info", table, |row| {
            if row.get::<_, i64>("pk")? > 0 {
                keys.push(text(row, "name")?);
            }
            Ok(())
        })
        .step(READ_SCHEMA)?;
    Ok(matches!(keys.as_slice(), [key] if key.eq_ignore_ascii_case(column)))
}

/// Refuses an archive whose schema differs from the migrations in a way that affects the writes of a sync.
pub(super) fn refuse(connection: &Connection, path: &Path) -> Result<(), Error> {
    let refused: Vec<_> = schema_drift(connection)?
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

/// True for table-valued functions of SQLite. Statements of the archive read from them, and a table with the same name
/// would take precedence.
fn is_name_of_sqlite(name: &str) -> bool {
    name.starts_with("pragma_") || name.starts_with("json_")
}

const READ_SCHEMA: &str = "cannot read the archive's schema";

/// Tables that SQLite creates by itself. No statement of a sync writes to them.
const MADE_BY_SQLITE: [&str; 3] = ["sqlite_stat1", "sqlite_stat4", "sqlite_sequence"];

/// All objects except those that SQLite creates by itself.
fn objects(connection: &Connection) -> Result<Objects, Error> {
    let sql = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL";
    let mut objects: Objects = rows(connection, READ_SCHEMA, sql, [], |row| {
        let [object, name] = [text(row, 0)?, text(row, 1)?].map(|it| it.to_ascii_lowercase());
        Ok(((object, name), (text(row, 2)?, text(row, 3)?)))
    })?;
    objects.retain(|(object, name), _| object != "table" || !MADE_BY_SQLITE.contains(&&**name));
    Ok(objects)
}

/// Reads a value as text, whatever its type. An invalid byte counts as a difference and not as an error.
pub(super) fn text(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<String> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        _ => String::new(),
    })
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

    fn with(sql: &str) -> Vec<SchemaDrift> {
        let connection = migrations::model(migrations::LATEST_VERSION).unwrap();
        connection.execute_batch(sql).unwrap();
        schema_drift(&connection).unwrap()
    }

    #[test]
    fn blanks_make_no_difference_and_all_else_does() {
        for (from, to, is_same) in [
            (" AND ", "  AND\t", true),
            (" AND ", "\n AND ", false),
            (" AND ", " AND/**/ ", false),
            (" AND ", " and ", false),
            (" AND ", "\u{a0}AND ", false),
            ("start_position", "\"start_position\"", false),
        ] {
            let found = with(&format!(
                "PRAGMA writable_schema = on;
                 UPDATE sqlite_schema SET sql = replace(sql, '{from}', '{to}') WHERE name = 'coverage'"
            ));
            assert_eq!(found.is_empty(), is_same, "{to}: {found:?}");
        }
    }

    #[test]
    fn an_index_that_only_sorts_is_told_from_one_that_computes() {
        for (index, kind) in [
            ("(type, started_at DESC)", DriftKind::Added),
            (
                "(type COLLATE NOCASE) WHERE status = 'errored' AND id > 7",
                DriftKind::Added,
            ),
            ("(type) WHERE type IN ('reboot', 'abs')", DriftKind::Added),
            ("(abs(id))", DriftKind::Refusing),
            ("(abs (id))", DriftKind::Refusing),
            ("(\"abs\"(id))", DriftKind::Refusing),
            (
                "(id) WHERE json_extract(extra, '$.x') = 1",
                DriftKind::Refusing,
            ),
            ("(id)\nWHERE/**/abs (id) = 1", DriftKind::Refusing),
            ("(extra -> 'x')", DriftKind::Refusing),
            ("(id) WHERE extra -> 'x' = 1", DriftKind::Refusing),
            ("(type || type)", DriftKind::Refusing),
            ("(id) WHERE type || type = 'x'", DriftKind::Refusing),
            ("(id) WHERE type LIKE '%a%'", DriftKind::Refusing),
            ("(CAST(id AS TEXT))", DriftKind::Refusing),
        ] {
            let found = with(&format!("CREATE INDEX a ON actions {index}"));
            assert_eq!(found[0].kind, kind, "{index}");
        }
        let found = with(
            "CREATE INDEX a ON actions (type COLLATE NOCASE);
             PRAGMA writable_schema = on;
             UPDATE sqlite_schema SET sql = replace(sql, 'NOCASE', 'mine') WHERE name = 'a';
             PRAGMA writable_schema = RESET",
        );
        assert_eq!(found[0].kind, DriftKind::Refusing, "a foreign collation");
    }
}
