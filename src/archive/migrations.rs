//! The history of the schema: numbered files, applied in order, never changed after a release.
//!
//! `user_version` is the number of the last applied file. All missing files are applied in one exclusive transaction,
//! so that a killed upgrade leaves the old archive intact.

use super::error::{Error, Step};
#[cfg(test)]
use rusqlite::backup::{Backup, StepResult};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, RowIndex, Transaction, TransactionBehavior};
use std::collections::BTreeMap;
#[cfg(test)]
use std::sync::{LazyLock, Mutex};

/// Marks a SQLite file as an archive: `dArc`, at offset 68 of the file.
pub const APPLICATION_ID: i32 = 0x6441_7263;

/// `migrations/`, in order: the file at index `n` leads to version `n + 1`.
pub(super) const MIGRATIONS: [&str; 12] = [
    include_str!("../../migrations/0001_archive.sql"),
    include_str!("../../migrations/0002_following.sql"),
    include_str!("../../migrations/0003_views.sql"),
    include_str!("../../migrations/0004_long_actions.sql"),
    include_str!("../../migrations/0005_staged_actions.sql"),
    include_str!("../../migrations/0006_faults.sql"),
    include_str!("../../migrations/0007_audits.sql"),
    include_str!("../../migrations/0008_teams.sql"),
    include_str!("../../migrations/0009_no_staged_actions.sql"),
    include_str!("../../migrations/0010_reports.sql"),
    include_str!("../../migrations/0011_droplet_tags.sql"),
    include_str!("../../migrations/0012_imports.sql"),
];

/// The schema version that this program writes.
pub const LATEST_VERSION: i64 = MIGRATIONS.len() as i64;

/// Brings the schema up to date. The caller has checked that the file is an archive or empty, and not newer.
pub(super) fn apply(connection: &Connection) -> Result<(), Error> {
    apply_all(connection, &MIGRATIONS)
}

fn apply_all(connection: &Connection, migrations: &[&str]) -> Result<(), Error> {
    let tx = Transaction::new_unchecked(connection, TransactionBehavior::Exclusive)
        .step("cannot lock the archive for its upgrade")?;
    // Another process may have upgraded it already.
    let from = usize::try_from(version(&tx)?).unwrap_or(0);
    if from >= migrations.len() {
        return Ok(());
    }
    for migration in &migrations[from..] {
        tx.execute_batch(migration)
            .step("cannot upgrade the archive's schema")?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)
        .step("cannot mark the archive")?;
    tx.pragma_update(None, "user_version", migrations.len() as i64)
        .step("cannot mark the archive")?;
    tx.commit().step("cannot commit the upgrade of the archive")
}

/// An empty archive of this or an earlier version, in memory. It shows the expected schema.
pub(super) fn model(version: i64) -> Result<Connection, Error> {
    let connection = Connection::open_in_memory().step("cannot make the schema in memory")?;
    let last = usize::try_from(version).unwrap_or(0).min(MIGRATIONS.len());
    apply_all(&connection, &MIGRATIONS[..last])?;
    Ok(connection)
}

/// An empty archive in memory, copied from one that all tests share: a copy costs less than the migrations.
#[cfg(test)]
pub(crate) fn empty() -> Connection {
    static MODEL: LazyLock<Mutex<Connection>> =
        LazyLock::new(|| Mutex::new(model(LATEST_VERSION).unwrap()));
    let mut connection = Connection::open_in_memory().unwrap();
    let model = crate::core::threads::lock(&MODEL);
    let step = Backup::new(&model, &mut connection).unwrap().step(-1);
    assert_eq!(step.unwrap(), StepResult::Done);
    connection
}

/// The number of the last applied migration.
pub(super) fn version(connection: &Connection) -> Result<i64, Error> {
    connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .step("cannot read the archive's version")
}

/// The tables and views of an archive of this version.
#[derive(Clone, Debug)]
pub struct Schema {
    /// The comment that applies to all of them.
    pub comment: String,
    /// The tables, then the views.
    pub relations: Vec<Relation>,
}

/// A table or a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// The name in queries.
    pub name: String,
    /// The statement that creates it and those that create its indexes, each below its comment, without semicolons.
    pub statements: Vec<String>,
}

pub(super) const READ_SCHEMA: &str = "cannot read the archive's schema";

/// The schema that this program writes. Needs no archive.
///
/// # Errors
/// When SQLite cannot create it.
pub fn schema() -> Result<Schema, Error> {
    let connection = model(LATEST_VERSION)?;
    let comments = comments(&MIGRATIONS);
    let comment = |name: &str| comments.get(name).cloned().unwrap_or_default();
    let mut relations: Vec<Relation> = Vec::new();
    for object in objects(&connection)? {
        let statement = comment(&object.name) + &object.sql;
        if object.kind != "index" {
            relations.push(Relation {
                name: object.name,
                statements: vec![statement],
            });
        } else if let Some(relation) = relations.iter_mut().find(|it| it.name == object.table) {
            relation.statements.push(statement);
        }
    }
    Ok(Schema {
        comment: comment(OF_ALL),
        relations,
    })
}

/// A table, view, index or trigger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// `table`, `view` …, in lower case.
    pub kind: String,
    /// Its name, in lower case.
    pub name: String,
    /// The table of an index or a trigger.
    pub table: String,
    /// The statement that creates it.
    pub sql: String,
}

/// The tables, views, indexes and triggers of a schema, each in the order of their creation. An invalid byte counts as a
/// difference and not as an error.
pub(super) fn objects(connection: &Connection) -> Result<Vec<Object>, Error> {
    let sql = "
        SELECT type, name, tbl_name, sql
          FROM sqlite_schema
         WHERE sql IS NOT NULL
         ORDER BY CASE type WHEN 'table' THEN 1 WHEN 'view' THEN 2 ELSE 3 END, rowid";
    let object = |row: &Row<'_>| {
        Ok(Object {
            kind: text(row, "type")?.to_ascii_lowercase(),
            name: text(row, "name")?.to_ascii_lowercase(),
            table: text(row, "tbl_name")?,
            sql: text(row, "sql")?,
        })
    };
    connection
        .prepare(sql)
        .and_then(|mut statement| statement.query_map([], object)?.collect())
        .step(READ_SCHEMA)
}

/// Reads a value as text, whatever its type.
pub(super) fn text(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<String> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        _ => String::new(),
    })
}

/// The name of the whole schema among [`comments`].
const OF_ALL: &str = "";

/// The comments of the objects by their names, as SQL. A comment belongs to the statement on the next line. The first
/// comment of all, followed by an empty line, belongs to the whole schema. The comment of a new column joins that of its
/// table.
fn comments(migrations: &[&str]) -> BTreeMap<String, String> {
    let mut comments = BTreeMap::new();
    let mut pending = String::new();
    for line in migrations.iter().flat_map(|it| it.lines().chain([""])) {
        if line.starts_with("--") {
            pending = pending + line + "\n";
            continue;
        }
        let comment = std::mem::take(&mut pending);
        let words = line.split([' ', '(']).filter(|word| !word.is_empty());
        match words.collect::<Vec<_>>().as_slice() {
            [] if comments.is_empty() => {
                comments.insert(OF_ALL.to_owned(), comment);
            }
            ["CREATE", "TABLE" | "VIEW" | "INDEX", name, ..]
            | ["CREATE", "UNIQUE", "INDEX", name, ..] => {
                comments.insert((*name).to_owned(), comment);
            }
            [_, "TABLE", table, "ADD" | "ALTER", "COLUMN", column, ..] => {
                let named = comment.replacen("-- ", &format!("-- {column}: "), 1);
                *comments.entry((*table).to_owned()).or_default() += &named;
            }
            _ => {}
        }
    }
    comments
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// FNV-1a, 64 bits.
    fn fingerprint(text: &str) -> u64 {
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    /// One fingerprint for each released migration. A new migration adds a line; no line ever changes.
    const FINGERPRINTS: [u64; 12] = [
        0x3338_f99c_5310_8968,
        0x323a_b5ba_ba71_4021,
        0x4d5b_e792_7d2b_2084,
        0x7a86_bb85_8a99_c9dc,
        0x5853_65d2_a552_3261,
        0x2bb6_40da_67e6_60c9,
        0xf12c_d3f3_862b_45a7,
        0x52a1_27fa_7d89_7407,
        0x2683_3e98_7b73_022f,
        0x08b8_0353_d2b7_e3b5,
        0xb42a_4861_5320_77d1,
        0x2820_d58b_4d5e_49a9,
    ];

    #[test]
    fn a_shipped_migration_never_changes() {
        let found = MIGRATIONS.map(fingerprint);
        assert_eq!(
            found, FINGERPRINTS,
            "archives out there have the old text: leave the file as it was, and add another one"
        );
    }

    fn tables(connection: &Connection) -> Vec<String> {
        connection
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }

    const FIRST: &str = "CREATE TABLE first (id INTEGER PRIMARY KEY) STRICT;";
    const SECOND: &str = "CREATE TABLE second (id INTEGER PRIMARY KEY) STRICT;";

    #[test]
    fn what_is_missing_is_applied_in_order_and_once() {
        let connection = Connection::open_in_memory().unwrap();
        apply_all(&connection, &[FIRST]).unwrap();
        for _ in 0..2 {
            apply_all(&connection, &[FIRST, SECOND]).unwrap();
            assert_eq!(tables(&connection), ["first", "second"]);
            assert_eq!(version(&connection).unwrap(), 2);
        }
    }

    #[test]
    fn an_earlier_program_does_not_take_a_later_version_back() {
        let connection = Connection::open_in_memory().unwrap();
        apply_all(&connection, &[FIRST, SECOND]).unwrap();
        apply_all(&connection, &[FIRST]).unwrap();
        assert_eq!(version(&connection).unwrap(), 2);
    }

    #[test]
    fn the_log_of_syncs_outlives_every_upgrade_and_counts_no_fault_of_before() {
        let connection = Connection::open_in_memory().unwrap();
        apply_all(&connection, &MIGRATIONS[..5]).unwrap();
        let run = "INSERT INTO sync_runs (started_at, scope, outcome, requests, retries, version)
                   VALUES ('2026-01-01T12:00:00Z', 'account', 'complete', 7, 2, '0.1.0')";
        connection.execute_batch(run).unwrap();
        apply(&connection).unwrap();
        connection.execute_batch(run).unwrap();
        let sql = "SELECT count(*), sum(requests), sum(retries), sum(faults) FROM sync_runs";
        let sums: rusqlite::Result<[i64; 4]> = connection.query_row(sql, [], |row| {
            Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
        });
        assert_eq!(sums.unwrap(), [2, 14, 4, 0]);
    }

    #[test]
    fn tags_that_were_archived_before_they_had_a_table_are_in_it() {
        let connection = Connection::open_in_memory().unwrap();
        apply_all(&connection, &MIGRATIONS[..9]).unwrap();
        let before = r#"
            INSERT INTO sync_runs (started_at, scope, version)
            VALUES ('2026-01-02T00:00:00Z', 'account', '0.1.0'), ('2026-01-05T00:00:00Z', 'account', '0.1.0');
            INSERT INTO droplets (id, extra, first_seen_at, gone_at)
            VALUES (1, '{"tags":["web","prod","web"]}', '2026-01-01T00:00:00Z', NULL),
                   (2, '{"tags":["db",7,null]}', '2026-01-01T00:00:00Z', '2026-01-04T00:00:00Z'),
                   (3, '{"tags":null}', '2026-01-01T00:00:00Z', NULL),
                   (4, 'tags', '2026-01-01T00:00:00Z', NULL),
                   (5, NULL, '2026-01-01T00:00:00Z', NULL);"#;
        connection.execute_batch(before).unwrap();
        apply(&connection).unwrap();
        let sql = "SELECT droplet_id || ' ' || tag || ' ' || first_seen_at FROM droplet_tags";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        let tags: Vec<String> = rows.map(Result::unwrap).collect();
        assert_eq!(
            tags,
            [
                "1 prod 2026-01-05T00:00:00Z",
                "1 web 2026-01-05T00:00:00Z",
                "2 db 2026-01-02T00:00:00Z",
            ]
        );
    }

    #[test]
    fn a_migration_that_fails_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive.db");
        let connection = Connection::open(&path).unwrap();
        apply_all(&connection, &[FIRST]).unwrap();
        let before = fs::read(&path).unwrap();
        let broken = [FIRST, SECOND, "CREATE TABLE third (id) STRICT; nonsense"];
        apply_all(&connection, &broken).unwrap_err();
        assert_eq!(version(&connection).unwrap(), 1);
        assert_eq!(tables(&connection), ["first"]);
        drop(connection);
        assert!(fs::read(&path).unwrap() == before);
    }

    fn relation(name: &str) -> Relation {
        let schema = schema().unwrap();
        let mut relations = schema.relations.into_iter();
        relations.find(|relation| relation.name == name).unwrap()
    }

    /// The statement below its comment.
    fn without_comment(statement: &str) -> &str {
        let lines = statement.split_inclusive('\n');
        let comment = lines.take_while(|line| line.starts_with("--"));
        &statement[comment.map(str::len).sum()..]
    }

    #[test]
    fn every_table_and_view_is_there_and_says_what_it_is_for() {
        let schema = schema().unwrap();
        assert!(schema.comment.starts_with("-- The archive: "));
        for name in ["actions", "listings", "account", "droplet_actions"] {
            let relation = relation(name);
            assert!(relation.statements[0].starts_with("-- "), "{name}");
        }
        for relation in &schema.relations {
            let kinds = ["CREATE TABLE ", "CREATE VIEW "];
            let sql = without_comment(&relation.statements[0]);
            assert!(kinds.iter().any(|kind| sql.starts_with(kind)), "{sql}");
        }
    }

    #[test]
    fn indexes_stand_with_their_table() {
        let actions = relation("actions");
        let statements = actions.statements.iter();
        let made: Vec<_> = statements.map(|it| without_comment(it)).collect();
        assert!(made[1..].iter().all(|sql| sql.starts_with("CREATE INDEX ")));
        assert!(made.iter().any(|sql| sql.contains("actions_by_time ")));
        let without_end = made
            .iter()
            .position(|sql| sql.contains("actions_without_end"));
        let commented = &actions.statements[without_end.unwrap()];
        assert!(commented.starts_with("-- Completed actions"));
    }

    #[test]
    fn a_column_that_came_later_brings_its_comment() {
        let listings = relation("listings");
        let text = &listings.statements[0];
        assert!(text.starts_with("-- A paged list at the API"), "{text}");
        assert!(text.contains("\n-- followed_from: Of a droplet's listing: "));
        assert!(without_comment(text).contains("followed_from INTEGER"));
    }

    #[test]
    fn a_comment_belongs_to_the_statement_below_it() {
        let comments = comments(&[
            "-- All.\n-- Of it.\n\n-- A table.\nCREATE TABLE a (\n    -- inside\n    x TEXT\n);\n\nCREATE UNIQUE INDEX b ON a (x);\n",
            "-- Of this file only.\n\n-- New.\n-- And old.\nALTER TABLE a ADD COLUMN y TEXT;\n-- Gone.\nDROP VIEW c;\nCREATE VIEW c AS\nSELECT 1;\n",
        ]);
        assert_eq!(comments[OF_ALL], "-- All.\n-- Of it.\n");
        assert_eq!(comments["a"], "-- A table.\n-- y: New.\n-- And old.\n");
        assert_eq!(comments["b"], "");
        assert_eq!(comments["c"], "");
    }
}
