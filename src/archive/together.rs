//! Several archives on one connection, for ad hoc SQL: each is a schema with the name of its account, and each name of a
//! table or a view is that of a view of all of them, with the account as its first column.
//!
//! SQLite passes conditions on into each archive, so that their indexes are used.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::Error;
use super::connection::{connect, prepare, rows};
use super::error::Step;
use super::file::path_to_read;
use super::interrupt::LockWait;

const STEP: &str = "cannot read the archives together";

/// Opens archives for reading only, each with the name of its account. They have been opened alone before, which checks
/// them.
///
/// # Errors
/// [`Error::NotTogether`] when they are too many for this build of SQLite, or a name cannot be that of a schema. Others
/// when an archive cannot be read.
pub fn open_together(
    archives: &[(&str, PathBuf)],
    lock_wait: &LockWait,
) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_URI;
    // Only the archives are files.
    let connection = connect(Path::new(":memory:"), flags, lock_wait)?;
    prepare(&connection)?;
    // A later change would drop the views.
    connection
        .pragma_update(None, "temp_store", "memory")
        .step(STEP)?;
    let mut holders: BTreeMap<String, Vec<(&str, String)>> = BTreeMap::new();
    for (account, path) in archives {
        let uri = read_only(&path_to_read(path)?);
        let attach = format!("ATTACH DATABASE ?1 AS {}", quoted(account));
        match connection.execute(&attach, [uri]) {
            Err(rusqlite::Error::SqliteFailure(error, Some(reason)))
                if error.code == ErrorCode::Unknown =>
            {
                return Err(Error::NotTogether(reason));
            }
            attached => attached.step(STEP)?,
        };
        for object in objects(&connection, account)? {
            // SQLite ignores the case of names.
            let others = holders.entry(object.to_ascii_lowercase()).or_default();
            others.push((account, object));
        }
    }
    for objects in holders.values() {
        let view = view(&connection, objects)?;
        connection.execute_batch(&view).step(STEP)?;
    }
    connection
        .pragma_update(None, "query_only", true)
        .step(STEP)?;
    Ok(connection)
}

/// The view of objects of the same name: their accounts, and the columns that all of them have. Those of own tables may
/// differ, also in their order. Without the view, the name would mean the object of the first account.
fn view(connection: &Connection, objects: &[(&str, String)]) -> Result<String, Error> {
    let mut common: Option<Vec<String>> = None;
    for (account, object) in objects {
        let all = format!("SELECT * FROM {}.{}", quoted(account), quoted(object));
        let own: Vec<String> = match connection.prepare(&all) {
            Ok(statement) => statement.column_names().map(quoted).collect(),
            // A view that SQLite rejects.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => continue,
            Err(error) => return Err(error).step(STEP),
        };
        let is_own = |name: &String| own.iter().any(|it| it.eq_ignore_ascii_case(name));
        match &mut common {
            Some(common) => common.retain(is_own),
            None => common = Some(own),
        }
    }
    let columns = common.unwrap_or_else(|| vec!["*".to_owned()]);
    let arms = objects.iter().map(|(account, object)| {
        let columns = [&[format!("'{account}' AS account")], &columns[..]].concat();
        let (columns, schema) = (columns.join(", "), quoted(account));
        format!("SELECT {columns} FROM {schema}.{}", quoted(object))
    });
    let arms = arms.collect::<Vec<_>>().join(" UNION ALL ");
    let name = quoted(objects.first().map_or("", |(_, object)| object));
    Ok(format!("CREATE TEMP VIEW {name} AS {arms}"))
}

/// The tables and views of an archive. All names must be text: in a damaged file they may not be.
fn objects(connection: &Connection, account: &str) -> Result<Vec<String>, Error> {
    let sql = format!(
        "SELECT name, sql FROM {}.sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite~_%' ESCAPE '~'",
        quoted(account)
    );
    rows(connection, STEP, &sql, [], |row| {
        row.get::<_, Option<String>>("sql")?;
        row.get("name")
    })
}

/// The file as a URI that SQLite opens for reading only (<https://www.sqlite.org/uri.html>).
fn read_only(path: &Path) -> String {
    let path = percent_encode(path.as_os_str().as_encoded_bytes(), NON_ALPHANUMERIC);
    format!("file:{path}?mode=ro")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Store;
    use crate::core::cancellation::Cancellation;
    use rusqlite::StatementStatus;

    fn archive(folder: &Path, name: &str, first: i64) -> PathBuf {
        let path = folder.join(format!("{name} ?#%.db"));
        Store::open(&path).unwrap().close().unwrap();
        let connection = Connection::open(&path).unwrap();
        let sql = "
            INSERT INTO sync_runs (id, started_at, scope, version) VALUES (1, '2020-08-01T00:00:00Z', 'account', '1');
            WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n < 999)
            INSERT INTO actions (id, type, status, started_at, resource_id, resource_type, first_seen_run)
            SELECT FIRST + n, iif(n % 10, 'backup', 'reboot'), 'completed',
                   strftime('%Y-%m-%dT%H:%M:%SZ', 1595000000 + n * 3600, 'unixepoch'), n % 20, 'droplet', 1
              FROM number";
        let sql = sql.replace("FIRST", &first.to_string());
        connection.execute_batch(&sql).unwrap();
        path
    }

    fn together(archives: &[(&str, PathBuf)]) -> Result<Connection, Error> {
        open_together(archives, &LockWait::new(&Cancellation::never()))
    }

    #[test]
    fn names_are_views_of_all_archives_and_conditions_use_their_indexes() {
        let folder = tempfile::tempdir().unwrap();
        let archives = [
            ("one", archive(folder.path(), "one", 1)),
            ("t-2", archive(folder.path(), "two", 5_000)),
        ];
        let connection = together(&archives).unwrap();
        let number = |sql: &str| -> (i64, i32) {
            let mut statement = connection.prepare(sql).unwrap();
            let number = statement.query_row([], |row| row.get(0)).unwrap();
            (number, statement.get_status(StatementStatus::FullscanStep))
        };
        assert_eq!(number("SELECT count(*) FROM \"t-2\".actions").0, 1_000);
        assert_eq!(number("SELECT count(*) FROM actions").0, 2_000);
        for (sql, expected) in [
            ("SELECT count(*) FROM actions WHERE id = 5001", 1),
            (
                "SELECT count(*) FROM actions WHERE type = 'reboot' AND started_at >= '2020-08-20'",
                38,
            ),
            (
                "SELECT count(*) FROM actions WHERE resource_type = 'droplet' AND resource_id = 7",
                100,
            ),
            (
                "SELECT count(*) FROM droplet_actions WHERE account = 't-2' AND droplet_id = 7",
                50,
            ),
        ] {
            let (found, scanned) = number(sql);
            assert_eq!(found, expected, "{sql}");
            assert!(scanned < 10, "{sql}: {scanned}");
        }
        assert!(
            connection
                .execute("DELETE FROM \"one\".actions", [])
                .is_err()
        );
    }

    #[test]
    fn own_tables_of_one_name_are_one_view_with_the_columns_that_all_have() {
        let folder = tempfile::tempdir().unwrap();
        let archives = ["one", "two"].map(|name| (name, archive(folder.path(), name, 1)));
        for ((_, path), sql) in archives.iter().zip([
            "CREATE TABLE Notes (id, text); INSERT INTO Notes VALUES (1, 'first');
             CREATE TABLE owners (id, name); CREATE VIEW broken AS SELECT * FROM nowhere;",
            "CREATE TABLE notes (TEXT, id); INSERT INTO notes VALUES ('second', 2);
             CREATE TABLE owners (id, phone);",
        ]) {
            Connection::open(path).unwrap().execute_batch(sql).unwrap();
        }
        let connection = together(&archives).unwrap();
        let rows = |sql: &str| -> rusqlite::Result<Vec<String>> {
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect()
        };
        let notes = rows("SELECT account || id || text FROM notes ORDER BY account");
        assert_eq!(notes.unwrap(), ["one1first", "two2second"]);
        assert!(rows("SELECT account || id FROM owners").unwrap().is_empty());
        for column in ["name", "phone"] {
            assert!(rows(&format!("SELECT owners.{column} FROM owners")).is_err());
        }
        assert!(rows("SELECT id FROM broken").is_err());
        assert!(rows("SELECT name FROM one.owners").unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_read_together_is_refused_with_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = archive(folder.path(), "one", 1);
        for names in [&["main"][..], &["a", "A"]] {
            let archives: Vec<_> = names.iter().map(|name| (*name, path.clone())).collect();
            let refused = together(&archives);
            assert!(
                matches!(refused, Err(Error::NotTogether { .. })),
                "{names:?}"
            );
        }
        let names: Vec<_> = (0..200).map(|number| format!("a{number}")).collect();
        let many: Vec<_> = names
            .iter()
            .map(|name| (name.as_str(), path.clone()))
            .collect();
        assert!(matches!(together(&many), Err(Error::NotTogether { .. })));
    }
}
