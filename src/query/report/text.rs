//! Reads the text of a report: the header, which is the comments at the start of its file, and the order of the rows at
//! its end.
//!
//! ```sql
//! -- title: Downtime
//! -- summary: When droplets were off: from the action that turned a droplet off until
//! --   the one that turned it on again.
//! -- estimate: A shutdown that completed does not prove that the droplet was off.
//! -- absence: A row says that no action turned the droplet on again.
//! -- narrow: droplet_name, off_at, downtime_seconds
//! -- finds: outage
//! -- total total: downtime_seconds
//! -- parameter since (time) = 90d: off at this time or later
//! -- parameter state (text of on, off) = off: in this state
//! -- parameter top (number from 1) = 20: only so many
//! ```
//!
//! `finds` says what a row is, in the singular. `lists` says it for a report whose rows are nothing to look into. `total`
//! names the columns that are summed below the answer for people.
//!
//! A line that is indented by three spaces or more continues the line before. The grammar is strict, because otherwise
//! a mistake in a header would only show as a missing parameter.

use super::binding;
use super::{Kind, NOW, Parameter, Report, Total};

/// The kinds of parameters, by their names in a header.
static KINDS: [(&str, Kind); 8] = [
    ("droplets", Kind::Droplets),
    ("time", Kind::Time),
    ("end", Kind::End),
    ("duration", Kind::Duration),
    ("number", Kind::Number(None)),
    ("types", Kind::Types),
    ("text", Kind::Text(Vec::new())),
    ("periods", Kind::Periods),
];

const FORMS: &str = "use `-- title: …`, `-- summary: …`, `-- estimate: …`, `-- absence: …`, \
                     `-- narrow: COLUMN, COLUMN`, `-- finds: …`, `-- lists: …`, `-- total LABEL: COLUMNS`, \
                     `-- parameter NAME (KIND) = DEFAULT: …`, and three spaces to continue the line before";

/// The report with what the header of its SQL says; or the problem of the header.
pub(super) fn with_header(mut report: Report) -> Result<Report, String> {
    report.is_check = true;
    let mut words = Vec::new();
    let statements = statements(&report.sql);
    let statements = statements.map_err(|message| report.problem(Some(1), &message))?;
    for (line, text) in statements {
        let added = add(&mut report, &mut words, &text);
        added.map_err(|message| report.problem(Some(line), &message))?;
    }
    let is_missing = |needed: &&str| words.iter().all(|word| word != needed);
    match ["title", "summary"].into_iter().find(is_missing) {
        None => Ok(report),
        Some(word) => {
            let message =
                format!("the file must begin with comments, and `-- {word}: …` is missing");
            Err(report.problem(Some(1), &message))
        }
    }
}

/// Adds a line to a report, and its word to those of which there is one line each.
fn add(report: &mut Report, words: &mut Vec<String>, text: &str) -> Result<(), String> {
    if let Some(text) = text.strip_prefix("parameter ") {
        let parameter = parameter(text)?;
        if report.parameter(&parameter.name).is_some() {
            return Err(format!("`{}` is declared twice", parameter.name));
        }
        report.parameters.push(parameter);
        return Ok(());
    }
    let (word, value) = text
        .split_once(": ")
        .ok_or_else(|| format!("this is not a header line: {FORMS}"))?;
    if let Some(label) = word.strip_prefix("total ") {
        let (label, columns) = (label.to_owned(), names(value));
        report.total = Some(Total { label, columns });
        return Ok(());
    }
    if words.iter().any(|known| known == word) {
        return Err(format!("there are two lines `{word}`"));
    }
    let value = value.trim().to_owned();
    match word {
        "title" => report.title = value,
        "summary" => report.summary = value,
        "estimate" => report.estimate = Some(value),
        "absence" => report.absence = Some(value),
        "narrow" => report.narrow = names(&value),
        "finds" => report.noun = Some(value),
        "lists" => {
            report.is_check = false;
            report.noun.get_or_insert(value);
        }
        _ => return Err(format!("`{word}` is not a header line: {FORMS}")),
    }
    words.push(word.to_owned());
    Ok(())
}

/// The names in a list that is separated by commas.
fn names(text: &str) -> Vec<String> {
    let names = text.split(',').map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The statements of the header with their continuation lines, each with its first line.
fn statements(sql: &str) -> Result<Vec<(usize, String)>, String> {
    let mut statements: Vec<(usize, String)> = Vec::new();
    let comments = sql.lines().map_while(|line| line.strip_prefix("--"));
    for (line, comment) in (1..).zip(comments) {
        if let Some(more) = comment.strip_prefix("   ") {
            let (_, text) = statements
                .last_mut()
                .ok_or_else(|| format!("a continuation line needs a line before it: {FORMS}"))?;
            text.push(' ');
            text.push_str(more.trim());
        } else {
            statements.push((line, comment.trim().to_owned()));
        }
    }
    Ok(statements)
}

/// `since (time) = 90d: off at this time or later`
fn parameter(text: &str) -> Result<Parameter, String> {
    let incomplete = |part: &str| {
        format!(
            "a parameter is written `-- parameter NAME (KIND) = DEFAULT: DESCRIPTION`, and {part} is missing"
        )
    };
    let (declared, description) = text
        .split_once(": ")
        .ok_or_else(|| incomplete("`: DESCRIPTION`"))?;
    let (declared, default) = match declared.split_once('=') {
        Some((declared, default)) => (declared, Some(default.trim().to_owned())),
        None => (declared, None),
    };
    let declared = declared.trim().strip_suffix(')');
    let (name, kind) = declared
        .and_then(|declared| declared.split_once('('))
        .ok_or_else(|| incomplete("(KIND)"))?;
    let name = name.trim();
    let is_number = name.starts_with(|first: char| first.is_ascii_digit());
    if !is_word(name, '_') || is_number || name == NOW {
        return Err(format!(
            "`{name}` cannot be the name of a parameter: use small letters, digits and _; `now` exists in every report \
             and must not be declared"
        ));
    }
    let parameter = Parameter {
        name: name.to_owned(),
        kind: kind_of(kind)?,
        default,
        description: description.trim().to_owned(),
    };
    if let Some(default) = parameter.default.as_deref().filter(|it| !it.is_empty()) {
        binding::check(&parameter, default)
            .map_err(|error| format!("the default is invalid: {error}"))?;
    }
    Ok(parameter)
}

/// `time`, `text of on, off` or `number from 1`
fn kind_of(text: &str) -> Result<Kind, String> {
    if let Some(words) = text.strip_prefix("text of ") {
        return Ok(Kind::Text(names(words)));
    }
    if let Some(least) = text.strip_prefix("number from ") {
        let least = least.trim().parse();
        let least =
            least.map_err(|_| "after `from` comes a whole number, as in `number from 1`")?;
        return Ok(Kind::Number(Some(least)));
    }
    if text.contains(" of ") || text.contains(" from ") {
        return Err("`of` goes with text, and `from` with number".to_owned());
    }
    let known = KINDS.iter().find(|(name, _)| *name == text);
    known.map(|(_, kind)| kind.clone()).ok_or_else(|| {
        let kinds: Vec<_> = KINDS.iter().map(|(name, _)| *name).collect();
        let kinds = kinds.join(", ");
        format!("`{text}` is not a kind of parameter: use {kinds}")
    })
}

/// True for small letters, digits and a mark between or after them.
pub(super) fn is_word(text: &str, mark: char) -> bool {
    let is_plain = |each: char| each.is_ascii_lowercase() || each.is_ascii_digit();
    text.starts_with(is_plain) && text.chars().all(|each| is_plain(each) || each == mark)
}

impl Report {
    /// The order of the rows, as the SQL says it at its end: the columns, and whether the greatest value comes first; and
    /// the parameter with the number of rows. Rows of several archives are merged by it. The list ends before a term that
    /// is more than the name of a column.
    #[must_use]
    pub fn row_order(&self) -> (Vec<(String, bool)>, Option<String>) {
        let lines = self.sql.lines().map(without_comment);
        let sql: String = lines.flat_map(|line| [line, "\n"]).collect();
        let Some(begin) = sql.rfind("ORDER BY ") else {
            return (Vec::new(), None);
        };
        let (before, end) = sql.split_at(begin);
        let end = end.trim_end().trim_end_matches(';');
        // An order in parentheses is that of a part.
        if end.matches('(').count() != end.matches(')').count() {
            return (Vec::new(), None);
        }
        let (terms, limit) = end.split_once("LIMIT ").unwrap_or((end, ""));
        let terms = terms.trim_start_matches("ORDER BY ").split(',');
        let columns = terms.map_while(|term| column(before, term));
        // `top` in `(SELECT top FROM parameters)`.
        let limit = limit.trim().strip_prefix("(SELECT ");
        let limit = limit.and_then(|it| it.strip_suffix(" FROM parameters)"));
        (columns.collect(), limit.map(str::to_owned))
    }
}

/// The line before its comment. Two dashes in quotes begin none.
fn without_comment(line: &str) -> &str {
    let mut quote: Option<u8> = None;
    let mut pairs = line.bytes().zip(line.bytes().skip(1));
    let begin = pairs.position(|(byte, next)| {
        if matches!(byte, b'\'' | b'"') && quote.is_none_or(|open| open == byte) {
            quote = quote.xor(Some(byte));
        }
        quote.is_none() && (byte, next) == (b'-', b'-')
    });
    begin.map_or(line, |begin| &line[..begin])
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
    let name = match before.rsplit_once(&format!(" {expression} AS ")) {
        Some((_, called)) => called.split([',', '\n', ' ']).next(),
        None => expression.rsplit('.').next(),
    };
    Some((name?.to_owned(), is_down))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::report::Library;

    fn parse(sql: &str) -> Result<Report, String> {
        let report = Report {
            name: "mine".to_owned(),
            sql: sql.to_owned(),
            ..Report::default()
        };
        with_header(report)
    }

    const WHOLE: &str = "\
-- title: Mine
-- summary: What I want
--   to know.
-- estimate: It may be wrong.
-- narrow: name, count
-- parameter droplet (droplets) = *: only these
-- parameter since (time) = 2020-01-01T00:00:00Z: from here
--     on
-- parameter region (text) = : everywhere without it
-- parameter top (number from 1): how many
-- parameter state (text of on, off) = on: only in this state
-- absence: A row says that nothing happened.

-- anything: here
SELECT 1;";

    #[test]
    fn a_whole_header_is_read() {
        let header = parse(WHOLE).unwrap();
        assert_eq!(header.title, "Mine");
        assert_eq!(header.summary, "What I want to know.");
        assert_eq!(header.estimate.as_deref(), Some("It may be wrong."));
        let absence = header.absence.as_deref();
        assert_eq!(absence, Some("A row says that nothing happened."));
        assert_eq!(header.narrow, ["name", "count"]);
        let states = ["on", "off"].map(str::to_owned).to_vec();
        let parameters: Vec<_> = header
            .parameters
            .iter()
            .map(|it| {
                (
                    it.name.as_str(),
                    it.kind.clone(),
                    it.default.as_deref(),
                    it.description.as_str(),
                )
            })
            .collect();
        assert_eq!(
            parameters,
            [
                ("droplet", Kind::Droplets, Some("*"), "only these"),
                (
                    "since",
                    Kind::Time,
                    Some("2020-01-01T00:00:00Z"),
                    "from here on"
                ),
                (
                    "region",
                    Kind::Text(Vec::new()),
                    Some(""),
                    "everywhere without it"
                ),
                ("top", Kind::Number(Some(1)), None, "how many"),
                (
                    "state",
                    Kind::Text(states),
                    Some("on"),
                    "only in this state"
                ),
            ]
        );
    }

    #[test]
    fn a_header_may_say_what_a_row_is_and_what_is_summed() {
        let sql =
            "-- title: T\n-- summary: S\n-- finds: outage\n-- total fleet: seconds, up_percent\n";
        let header = parse(sql).unwrap();
        assert_eq!(header.noun.as_deref(), Some("outage"));
        assert!(header.is_check);
        let total = header.total.unwrap();
        assert_eq!(total.label, "fleet");
        assert_eq!(total.columns, ["seconds", "up_percent"]);
    }

    #[test]
    fn lines_may_end_as_windows_ends_them() {
        let sql = WHOLE.to_owned();
        let windows = parse(&WHOLE.replace('\n', "\r\n")).unwrap();
        assert_eq!(Report { sql, ..windows }, parse(WHOLE).unwrap());
    }

    #[test]
    fn a_slip_is_refused_with_its_line() {
        let good = "-- title: T\n-- summary: S\n";
        for (text, line, part) in [
            ("", 1, "`-- title: …` is missing"),
            ("SELECT 1", 1, "`-- title: …` is missing"),
            ("-- title: T\nSELECT 1", 1, "`-- summary: …` is missing"),
            ("--   more\n", 1, "needs a line before"),
            (&format!("{good}-- author: me\n"), 3, "`author` is not a"),
            (&format!("{good}--\n"), 3, "not a header line"),
            (&format!("{good}-- title: U\n"), 3, "two lines `title`"),
            (
                &format!("{good}-- parameter since (time) = 90d\n"),
                3,
                "`: DESCRIPTION` is missing",
            ),
            (
                &format!("{good}-- parameter since = 90d: from\n"),
                3,
                "(KIND) is missing",
            ),
            (
                &format!("{good}-- parameter since (date) = 90d: from\n"),
                3,
                "`date` is not a kind of parameter: use droplets, time",
            ),
            (
                &format!("{good}-- parameter older-than (duration) = 1h: age\n"),
                3,
                "`older-than` cannot be the name",
            ),
            (
                &format!("{good}-- parameter now (time) = now: now\n"),
                3,
                "not be declared",
            ),
            (
                &format!("{good}-- parameter a (text) = x: one\n-- parameter a (text) = y: two\n"),
                4,
                "`a` is declared twice",
            ),
            (
                &format!("{good}-- parameter top (number from one) = 1: how many\n"),
                3,
                "a whole number",
            ),
            (
                &format!("{good}-- parameter top (text from 1) = 1: how many\n"),
                3,
                "`from` with number",
            ),
            (
                &format!("{good}-- parameter top (number from 1) = 0: how many\n"),
                3,
                "the default is invalid: --top: `0` is too small: use 1 or more",
            ),
            (
                &format!("{good}-- parameter age (duration) = 3mo: age\n"),
                3,
                "the default is invalid: --age: the duration `3mo` has no fixed length",
            ),
        ] {
            let problem = parse(text).unwrap_err();
            let place = format!("mine.sql:{line}: ");
            assert!(problem.starts_with(&place), "{text}: {problem}");
            assert!(problem.contains(part), "{text}: {problem}");
        }
    }

    fn order(name: &str) -> Vec<(String, bool)> {
        Library::load(None).get(name).unwrap().row_order().0
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
        let (_, limit) = Library::load(None).get("busiest").unwrap().row_order();
        assert_eq!(limit.as_deref(), Some("top"));
    }

    #[test]
    fn an_order_that_is_no_list_of_columns_is_unknown() {
        let library = Library::load(None);
        for (sql, columns) in [
            ("SELECT 1", &[][..]),
            ("SELECT * FROM (SELECT a FROM b ORDER BY a)", &[]),
            ("SELECT a, b FROM c ORDER BY a, abs(b), a", &["a"]),
            ("SELECT a FROM c ORDER BY a COLLATE NOCASE -- so", &[]),
            (
                "SELECT '--\"' AS a, \"b--\" FROM c ORDER BY a -- ORDER BY b",
                &["a"],
            ),
        ] {
            let report = Report {
                sql: sql.to_owned(),
                ..library.get("slow").unwrap().clone()
            };
            assert_eq!(report.row_order().0, up(columns), "{sql}");
        }
    }
}
