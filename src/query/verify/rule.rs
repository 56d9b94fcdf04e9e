//! A rule that rows have to keep, and one pass over a table for all of its rules.

use rusqlite::types::Value;
use rusqlite::{Connection, named_params};

use super::finding::{Finding, Severity};
use crate::core::time::Timestamp;

/// What must not be true of a row.
pub(super) struct Rule {
    pub(super) severity: Severity,
    pub(super) check: &'static str,
    /// The condition, in SQL, that a row which breaks the rule fulfils. `:now` is the time.
    pub(super) broken_by: String,
    pub(super) what: String,
    pub(super) advice: &'static str,
}

/// Counts the rows of `table` that break each rule, in one pass; `key` names a row. `table` may be a join.
pub(super) fn count(
    connection: &Connection,
    table: &str,
    key: &str,
    now: Option<Timestamp>,
    rules: &[Rule],
) -> rusqlite::Result<Vec<Finding>> {
    let columns: Vec<_> = rules
        .iter()
        .map(|rule| {
            let broken = &rule.broken_by;
            format!("count(*) FILTER (WHERE {broken}), min({key}) FILTER (WHERE {broken})")
        })
        .collect();
    // `:now` is always there, whether a rule needs it or not.
    let sql = format!("SELECT :now, {} FROM {table}", columns.join(", "));
    let now = now.map(|now| now.to_string());
    connection.query_row(&sql, named_params! { ":now": now }, |row| {
        let mut findings = Vec::new();
        for (number, rule) in rules.iter().enumerate() {
            let rows = row.get::<_, i64>(1 + 2 * number)?.unsigned_abs();
            let example: Value = row.get(2 + 2 * number)?;
            if rows > 0 {
                findings.push(rule.finding(rows, named(example)));
            }
        }
        Ok(findings)
    })
}

impl Rule {
    fn finding(&self, rows: u64, example: Option<String>) -> Finding {
        Finding {
            severity: self.severity,
            check: self.check,
            what: self.what.clone(),
            rows,
            example,
            advice: self.advice,
        }
    }
}

fn named(value: Value) -> Option<String> {
    match value {
        Value::Integer(number) => Some(number.to_string()),
        Value::Real(number) => Some(number.to_string()),
        Value::Text(text) => Some(text),
        Value::Null | Value::Blob(_) => None,
    }
}

/// The condition that a column holds something that is not a time as the archive writes them.
pub(super) fn is_no_time(column: &str) -> String {
    format!("{column} IS NOT strftime('%Y-%m-%dT%H:%M:%SZ', {column})")
}

/// The condition that a column holds something that is no JSON object.
pub(super) fn is_no_object(column: &str) -> String {
    format!(
        "{column} IS NOT NULL AND CASE WHEN json_valid({column}) THEN json_type({column}) <> 'object' ELSE 1 END"
    )
}
