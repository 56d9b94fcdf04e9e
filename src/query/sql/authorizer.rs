//! The rights and limits of a statement: it may only read. SQLite asks the authorizer about every table, function and
//! pragma while it prepares a statement. It asks again about pragmas that a running statement reads as tables.

use crate::core::threads::lock;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use std::sync::{Arc, Mutex};

/// Pragmas that only return information, with any value.
const TELLING: [&str; 18] = [
    "collation_list",
    "compile_options",
    "database_list",
    "foreign_key_check",
    "foreign_key_list",
    "freelist_count",
    "function_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "module_list",
    "page_count",
    "pragma_list",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
];

/// Pragmas that return information, but change a setting when they get a value.
const TELLING_WITHOUT_VALUE: [&str; 6] = [
    "application_id",
    "encoding",
    "journal_mode",
    "page_size",
    "schema_version",
    "user_version",
];

/// Functions that do more than compute. Most of them are not built in. They stay refused if a later SQLite has them.
const ACTING: [&str; 6] = [
    "edit",
    "fts3_tokenizer",
    "load_extension",
    "readfile",
    "sqlite_log",
    "writefile",
];

/// The first refused operation, in words: `INSERT into actions`.
pub(super) type Refusal = Arc<Mutex<Option<String>>>;

/// Makes the connection read-only and limits it. Every other operation is refused and noted. Double quotes are valid for
/// names only.
///
/// # Errors
/// When SQLite does not accept the authorizer or a limit.
pub(super) fn install(connection: &mut Connection) -> rusqlite::Result<Refusal> {
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST_VALUE_BYTES)?;
    connection.set_limit(
        Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH,
        LONGEST_PATTERN_BYTES,
    )?;
    // Otherwise SQLite takes a misspelt column in double quotes for a text, and compares every row with that text.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    // Memory has a limit; a temporary file has none.
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update_and_check(None, "hard_heap_limit", MOST_MEMORY_BYTES, |_| Ok(()))?;
    let refusal = Refusal::default();
    let noted = Arc::clone(&refusal);
    connection.authorizer(Some(move |context: AuthContext<'_>| {
        match refused(&context.action) {
            None => Authorization::Allow,
            Some(what) => {
                lock(&noted).get_or_insert(what);
                Authorization::Deny
            }
        }
    }))?;
    Ok(refusal)
}

/// The refused operation in words, or `None` when the operation only reads.
fn refused(action: &AuthAction<'_>) -> Option<String> {
    match *action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => None,
        AuthAction::Function { function_name } => {
            let is_acting = ACTING
                .iter()
                .any(|name| name.eq_ignore_ascii_case(function_name));
            is_acting.then(|| format!("the function {function_name}"))
        }
        AuthAction::Pragma {
            pragma_name,
            pragma_value,
        } => refused_pragma(pragma_name, pragma_value),
        ref action => Some(writing(action)),
    }
}

fn refused_pragma(name: &str, value: Option<&str>) -> Option<String> {
    let is_in = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    match value {
        _ if is_in(&TELLING) => None,
        None if is_in(&TELLING_WITHOUT_VALUE) => None,
        None => Some(format!("PRAGMA {name}")),
        Some(value) => Some(format!("PRAGMA {name} = {value}")),
    }
}

/// The statement for this operation, in words.
fn writing(action: &AuthAction<'_>) -> String {
    match *action {
        AuthAction::Insert { table_name }
        | AuthAction::Update { table_name, .. }
        | AuthAction::Delete { table_name }
            if table_name.starts_with("sqlite_") =>
        {
            "a change of the schema".to_owned()
        }
        AuthAction::Insert { table_name } => format!("INSERT into {table_name}"),
        AuthAction::Update { table_name, .. } => format!("UPDATE of {table_name}"),
        AuthAction::Delete { table_name } => format!("DELETE from {table_name}"),
        AuthAction::Attach { filename } => format!("ATTACH of '{filename}'"),
        AuthAction::Detach { database_name } => format!("DETACH of {database_name}"),
        AuthAction::Reindex { index_name } => format!("REINDEX of {index_name}"),
        AuthAction::Analyze { table_name } => format!("ANALYZE of {table_name}"),
        AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => "a transaction".to_owned(),
        _ => "an operation that does more than read".to_owned(),
    }
}

/// The maximum length of a statement, in bytes.
pub const LONGEST_SQL_BYTES: usize = 1 << 20;

/// The maximum memory of a statement, in bytes, including sorting and grouping. The limit holds for the whole process.
pub const MOST_MEMORY_BYTES: i64 = 1 << 30;

/// The maximum length, in bytes, of a text, BLOB or row that a statement makes. A text or BLOB that a sync run archives
/// has at most 1 MiB. The limit matters because a single slow step takes longer with each byte.
pub(super) const LONGEST_VALUE_BYTES: i32 = 16 << 20;

/// The maximum length of a pattern, in bytes: twice the longest droplet name.
const LONGEST_PATTERN_BYTES: i32 = 512;

#[cfg(test)]
mod tests {
    use super::super::fixture::archive;
    use super::*;

    /// The refused operation of a statement.
    fn refusal_of(sql: &str) -> Option<String> {
        let mut connection = archive();
        let refusal = install(&mut connection).unwrap();
        let outcome = connection.execute_batch(sql);
        let refused = lock(&refusal).take();
        assert_eq!(refused.is_some(), outcome.is_err(), "{sql}: {outcome:?}");
        refused
    }

    #[test]
    fn what_reads_is_allowed() {
        for sql in [
            "SELECT count(*) FROM actions",
            "SELECT * FROM droplet_actions",
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT * FROM n",
            "EXPLAIN QUERY PLAN SELECT * FROM actions",
            "SELECT * FROM json_each('[1]'), pragma_table_info('actions')",
            "PRAGMA table_xinfo(actions)",
            "PRAGMA user_version",
            "PRAGMA integrity_check(10)",
            "PRAGMA QUICK_CHECK",
            "VALUES (1)",
            "SELECT * FROM sqlite_schema",
        ] {
            assert_eq!(refusal_of(sql), None, "{sql}");
        }
    }

    #[test]
    fn whatever_else_is_refused_by_its_name() {
        for (sql, what) in [
            ("INSERT INTO actions (id) VALUES (1)", "INSERT into actions"),
            (
                "REPLACE INTO actions (id) VALUES (1)",
                "INSERT into actions",
            ),
            (
                "WITH x AS (SELECT 1) DELETE FROM actions",
                "DELETE from actions",
            ),
            ("EXPLAIN DELETE FROM actions", "DELETE from actions"),
            ("UPDATE actions SET type = NULL", "UPDATE of actions"),
            ("CREATE TEMP TABLE x (y)", "a change of the schema"),
            ("CREATE TABLE x AS SELECT 1", "a change of the schema"),
            ("DROP TABLE actions", "a change of the schema"),
            ("ATTACH 'other.db' AS other", "ATTACH of 'other.db'"),
            ("DETACH main", "DETACH of main"),
            ("BEGIN", "a transaction"),
            ("SAVEPOINT x", "a transaction"),
            ("PRAGMA journal_mode = wal", "PRAGMA journal_mode = wal"),
            ("PRAGMA user_version(7)", "PRAGMA user_version = 7"),
            ("PRAGMA query_only = 0", "PRAGMA query_only = 0"),
            ("PRAGMA wal_checkpoint", "PRAGMA wal_checkpoint"),
            ("PRAGMA optimize", "PRAGMA optimize"),
            ("PRAGMA writable_schema = 1", "PRAGMA writable_schema = 1"),
            ("SELECT load_extension('x')", "the function load_extension"),
            (
                "SELECT fts3_tokenizer('simple')",
                "the function fts3_tokenizer",
            ),
        ] {
            assert_eq!(refusal_of(sql).as_deref(), Some(what), "{sql}");
        }
    }

    #[test]
    fn every_table_of_a_schema_is_as_safe() {
        for sql in [
            "DROP TABLE actions",
            "DROP VIEW droplet_actions",
            "DROP INDEX actions_by_time",
            "ALTER TABLE actions ADD COLUMN x",
            "ALTER TABLE actions RENAME TO x",
            "CREATE INDEX x ON actions (id)",
            "CREATE VIEW x AS SELECT 1",
            "CREATE TRIGGER x AFTER INSERT ON actions BEGIN SELECT 1; END",
            "REINDEX",
            "ANALYZE",
            "VACUUM",
            "UPDATE sqlite_schema SET sql = ''",
        ] {
            let mut connection = archive();
            install(&mut connection).unwrap();
            assert!(connection.execute_batch(sql).is_err(), "{sql}");
        }
    }
}
