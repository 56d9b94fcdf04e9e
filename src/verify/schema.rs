//! What is in the file besides what the migrations make, and what is not as they make it.

use rusqlite::Connection;

use super::Error;
use super::finding::{Finding, Severity};
use crate::store::{self, Alteration, AlterationKind};

/// What is different; indexes that were put off are none of it, since questions are answered without them.
pub(super) fn check(connection: &Connection) -> Result<Vec<Finding>, Error> {
    let alterations = store::alterations(connection)?;
    Ok(alterations.iter().map(finding).collect())
}

fn finding(alteration: &Alteration) -> Finding {
    let (severity, check, advice) = match alteration.kind {
        AlterationKind::Trigger => (
            Severity::Error,
            "trigger",
            "no sync writes while it is there: if you know it, DROP TRIGGER with sqlite3; if not, go back to a backup",
        ),
        AlterationKind::Refusing | AlterationKind::Shadowing => (
            Severity::Error,
            "foreign",
            "no sync writes while it is there: take it away with sqlite3, or give it another name",
        ),
        AlterationKind::Missing | AlterationKind::Changed => (
            Severity::Error,
            "schema",
            "no sync writes to it: go back to a backup; `archiver schema` shows how it should be",
        ),
        AlterationKind::MissingIndex => (
            Severity::Error,
            "missing_index",
            "some questions need it: `archiver schema` prints the statement that makes it, for sqlite3",
        ),
        AlterationKind::PutOff => (
            Severity::Note,
            "put_off",
            "the next sync makes it; until then some questions take longer",
        ),
        AlterationKind::Added => (
            Severity::Note,
            "added",
            "nothing, if you know it: archiver does not use it",
        ),
    };
    Finding {
        severity,
        check,
        what: alteration.to_string(),
        rows: 1,
        example: Some(alteration.name.clone()),
        advice,
    }
}
