//! The order of a report's rows, as its SQL says it at its end. Rows of several archives are merged by it.

use super::Report;

/// The order and the limit at the end of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowOrder {
    /// The columns that sort the rows, and whether the greatest value comes first. The list ends before a term that is
    /// more than the name of a column.
    pub columns: Vec<(String, bool)>,
    /// The parameter with the number of rows.
    pub limit: Option<String>,
}

impl Report {
    /// The order of the rows. Nothing is known of an order that is no plain list of columns.
    #[must_use]
    pub fn row_order(&self) -> RowOrder {
        let lines = self.sql.lines().map(|line| line.split("--").next());
        let sql: String = lines.flatten().flat_map(|line| [line, "\n"]).collect();
        let Some(begin) = sql.rfind("ORDER BY ") else {
            return RowOrder::default();
        };
        let (before, end) = sql.split_at(begin);
        let end = end.trim_end().trim_end_matches(';');
        // An order in parentheses is that of a part.
        if end.matches('(').count() != end.matches(')').count() {
            return RowOrder::default();
        }
        let (terms, limit) = end.split_once("LIMIT ").unwrap_or((end, ""));
        let terms = terms.trim_start_matches("ORDER BY ").split(',');
        RowOrder {
            columns: terms.map_while(|term| column(before, term)).collect(),
            limit: parameter(limit),
        }
    }
}

/// The column of a term such as `measured.id DESC`, which the SQL before it may call differently.
fn column(before: &str, term: &str) -> Option<(String, bool)> {
    let words: Vec<_> = term.split_whitespace().collect();
    let (expression, is_down) = match words.as_slice() {
        [expression] | [expression, "ASC"] => (*expression, false),
        [expression, "DESC"] => (*expression, true),
        _ => return None,
    };
    let is_name = |character: char| character.is_alphanumeric() || "._".contains(character);
    if !expression.chars().all(is_name) {
        return None;
    }
    let called = format!(" {expression} AS ");
    let name = match before.rfind(&called) {
        Some(place) => before[place + called.len()..]
            .split([',', '\n', ' '])
            .next(),
        None => expression.rsplit('.').next(),
    };
    Some((name?.to_owned(), is_down))
}

/// `top` in `(SELECT top FROM parameters)`.
fn parameter(limit: &str) -> Option<String> {
    let inner = limit.trim().strip_prefix("(SELECT ")?;
    Some(inner.strip_suffix(" FROM parameters)")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::report::Library;

    fn order(name: &str) -> Vec<(String, bool)> {
        Library::load(None).get(name).unwrap().row_order().columns
    }

    fn up(names: &[&str]) -> Vec<(String, bool)> {
        names
            .iter()
            .map(|name| ((*name).to_owned(), false))
            .collect()
    }

    #[test]
    fn the_order_is_read_from_the_end_of_the_sql() {
        assert_eq!(order("slow"), up(&["started_at", "action_id"]));
        assert_eq!(
            order("stale-backups"),
            up(&["last_backup_at", "droplet_id"])
        );
        let failures = [("errored".to_owned(), true)].into_iter();
        let ties = up(&["type", "resource_type", "resource_id"]);
        assert_eq!(order("failures"), failures.chain(ties).collect::<Vec<_>>());
        let busiest = Library::load(None).get("busiest").unwrap().row_order();
        assert_eq!(busiest.limit.as_deref(), Some("top"));
    }

    #[test]
    fn an_order_that_is_no_list_of_columns_is_unknown() {
        let library = Library::load(None);
        for (sql, columns) in [
            ("SELECT 1", &[][..]),
            ("SELECT * FROM (SELECT a FROM b ORDER BY a)", &[]),
            ("SELECT a, b FROM c ORDER BY a, abs(b), a", &["a"]),
            ("SELECT a FROM c ORDER BY a COLLATE NOCASE -- so", &[]),
        ] {
            let report = Report {
                sql: sql.to_owned(),
                ..library.get("slow").unwrap().clone()
            };
            assert_eq!(report.row_order().columns, up(columns), "{sql}");
        }
    }
}
