//! What is in the file besides what the migrations make, and what is not as they make it.

use std::collections::BTreeSet;

use super::finding::{Finding, Severity};
use crate::archive::{Alteration, AlterationKind};

/// The names, in lower case, of what is not archiver's.
pub(super) fn added(alterations: &[Alteration]) -> BTreeSet<String> {
    let is_ours = |kind| {
        use AlterationKind::{Changed, Missing, MissingIndex, PutOff};
        matches!(kind, Changed | Missing | MissingIndex | PutOff)
    };
    let added = alterations.iter().filter(|it| !is_ours(it.kind));
    added.map(|it| it.name.to_ascii_lowercase()).collect()
}

/// What a difference from the schema of the migrations means.
pub(super) fn finding(alteration: &Alteration) -> Finding {
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
