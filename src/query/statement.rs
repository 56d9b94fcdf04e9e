//! Builds one SQL statement from a question.
//!
//! The arms (see `conditions`) are combined with `UNION ALL … ORDER BY`, which merges arms that are already in order.
//!
//! This code decides the index of each arm. The planner does not, because it has no statistics in a young archive. A
//! unary `+` keeps a condition from choosing an index. Values are always bound, never pasted.

use std::fmt::Write;

use rusqlite::types::Value;

use super::Column;
use super::conditions::Conditions;
use super::conditions::plan;
use super::question::Question;

/// SQL with the values of its parameters, in their order.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) parameters: Vec<Value>,
}

/// The matching actions, in the order of the filter. Columns that only the order needs may follow the requested
/// columns.
pub(super) fn select(question: &Question<'_>, columns: &[Column]) -> Statement {
    let filter = question.filter;
    let mut conditions = Conditions::new(question);
    let mut shown: Vec<&'static str> = columns.iter().map(|column| column.expression()).collect();
    let key = place_of(filter.sort.column().expression(), &mut shown);
    let id = place_of(Column::Id.expression(), &mut shown);
    let mut expressions = shown.join(", ");
    let mut last = String::new();
    if let Some(is_stuck) = conditions.is_stuck() {
        let _ = write!(expressions, ", {is_stuck}");
        last = format!("{}, ", shown.len() + 1);
    }
    let matching = all_arms(question, &mut conditions, &expressions);
    let order = |way: &str| format!("ORDER BY {last}{key}{way}, {id}{way}");
    let (greatest_first, smallest_first) = (order(" DESC"), order(""));
    let sql = match (filter.limit.map(count), filter.reverse) {
        (None, true) => format!("{matching}\n{greatest_first}"),
        (None, false) => format!("{matching}\n{smallest_first}"),
        // The greatest are at the other end of the index. The outer SELECT reverses them, so only these rows are kept.
        (Some(limit), is_reversed) => {
            let limit = conditions.bind(limit);
            let greatest = format!("{matching}\n{greatest_first}\nLIMIT {limit}");
            if is_reversed {
                greatest
            } else {
                format!("SELECT * FROM (\n{greatest}\n)\n{smallest_first}")
            }
        }
    };
    Statement {
        sql,
        parameters: conditions.parameters,
    }
}

/// The position of an expression among the shown ones, from 1. Adds the expression if it is missing.
fn place_of(expression: &'static str, shown: &mut Vec<&'static str>) -> usize {
    let place = shown.iter().position(|other| *other == expression);
    place.unwrap_or_else(|| {
        shown.push(expression);
        shown.len() - 1
    }) + 1
}

/// All matching actions, in the fastest order. The filter's order and limit are ignored.
pub(super) fn scan(question: &Question<'_>, expressions: &[&'static str]) -> Statement {
    let mut conditions = Conditions::new(question);
    Statement {
        sql: all_arms(question, &mut conditions, &expressions.join(", ")),
        parameters: conditions.parameters,
    }
}

/// The number of matching actions.
pub(super) fn tally(question: &Question<'_>) -> Statement {
    let mut conditions = Conditions::new(question);
    let mut matching = all_arms(question, &mut conditions, "1");
    if let Some(limit) = question.filter.limit.map(count) {
        let limit = conditions.bind(limit);
        let _ = write!(matching, "\nLIMIT {limit}");
    }
    Statement {
        sql: format!("SELECT count(*) FROM (\n{matching}\n)"),
        parameters: conditions.parameters,
    }
}

fn count(limit: u64) -> Value {
    Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX))
}

fn all_arms(question: &Question<'_>, conditions: &mut Conditions<'_>, shown: &str) -> String {
    let arms = plan(question);
    let common = conditions.common(&arms);
    let mut sql = String::new();
    for arm in &arms {
        if !sql.is_empty() {
            sql.push_str("\nUNION ALL\n");
        }
        let index = arm.source.index();
        let _ = write!(sql, "SELECT {shown}\n  FROM actions{index}");
        let own = conditions.of(arm);
        for (position, condition) in own.iter().chain(&common).enumerate() {
            let word = if position == 0 { "WHERE" } else { "  AND" };
            let _ = write!(sql, "\n {word} {condition}");
        }
    }
    sql
}
