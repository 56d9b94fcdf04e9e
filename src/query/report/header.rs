//! Reads the header of a report: the comments at the start of its file.
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

use std::collections::BTreeMap;

use super::binding;
use super::definition::{KINDS, NOW};
use super::{Allowed, Kind, Origin, Parameter, Problem, Report, Total};

const FORMS: &str = "use `-- title: …`, `-- summary: …`, `-- estimate: …`, `-- absence: …`, \
                     `-- narrow: COLUMN, COLUMN`, `-- finds: …`, `-- lists: …`, `-- total LABEL: COLUMNS`, \
                     `-- parameter NAME (KIND) = DEFAULT: …`, and three spaces to continue the line before";

/// The lines with one text each.
const WORDS: [&str; 7] = [
    "title", "summary", "estimate", "absence", "narrow", "finds", "lists",
];

/// One statement of the header with its continuation lines, and its first line.
struct Entry {
    line: usize,
    text: String,
}

/// Reads the header of a report's SQL.
pub(super) fn parse(name: &str, sql: String, origin: Origin) -> Result<Report, Problem> {
    let problem = |line, message| Problem {
        path: origin.path(name),
        line: Some(line),
        message,
    };
    let mut report = Report::default();
    let mut fields = BTreeMap::new();
    for Entry { line, text } in entries(&sql).map_err(|message| problem(1, message))? {
        let read = add(&mut report, &mut fields, &text);
        read.map_err(|message| problem(line, message))?;
    }
    let missing = |word: &str| {
        let message = format!("the file must begin with comments, and `-- {word}: …` is missing");
        problem(1, message)
    };
    let mut field = |word: &str| fields.remove(word);
    let lists = field("lists");
    Ok(Report {
        name: name.to_owned(),
        title: field("title").ok_or_else(|| missing("title"))?,
        summary: field("summary").ok_or_else(|| missing("summary"))?,
        estimate: field("estimate"),
        absence: field("absence"),
        narrow: names(&field("narrow").unwrap_or_default()),
        is_check: lists.is_none(),
        noun: field("finds").or(lists),
        sql,
        origin,
        ..report
    })
}

/// Adds a line to a report, or to the lines with one text each.
fn add(
    report: &mut Report,
    fields: &mut BTreeMap<&'static str, String>,
    text: &str,
) -> Result<(), String> {
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
    let known = WORDS.into_iter().find(|known| *known == word);
    let known = known.ok_or_else(|| format!("`{word}` is not a header line: {FORMS}"))?;
    match fields.insert(known, value.trim().to_owned()) {
        None => Ok(()),
        Some(_) => Err(format!("there are two lines `{word}`")),
    }
}

/// The names in a list that is separated by commas.
fn names(text: &str) -> Vec<String> {
    let names = text.split(',').map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn entries(sql: &str) -> Result<Vec<Entry>, String> {
    let mut entries: Vec<Entry> = Vec::new();
    let comments = sql.lines().map_while(|line| line.strip_prefix("--"));
    for (line, comment) in (1..).zip(comments) {
        if let Some(more) = comment.strip_prefix("   ") {
            let entry = entries.last_mut();
            let entry = entry
                .ok_or_else(|| format!("a continuation line needs a line before it: {FORMS}"))?;
            entry.text.push(' ');
            entry.text.push_str(more.trim());
        } else {
            let text = comment.trim().to_owned();
            entries.push(Entry { line, text });
        }
    }
    Ok(entries)
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
    if !is_name(name) || name == NOW {
        return Err(format!(
            "`{name}` cannot be the name of a parameter: use small letters, digits and _; `now` exists in every report \
             and must not be declared"
        ));
    }
    let (kind, allowed) = allowed(kind)?;
    let parameter = Parameter {
        name: name.to_owned(),
        kind,
        allowed,
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
fn allowed(text: &str) -> Result<(Kind, Allowed), String> {
    let (kind, allowed) = if let Some((kind, words)) = text.split_once(" of ") {
        let words = words.split(',').map(|word| word.trim().to_owned());
        (kind, Allowed::Words(words.collect()))
    } else if let Some((kind, least)) = text.split_once(" from ") {
        let least = least.trim().parse::<u32>();
        let least =
            least.map_err(|_| "after `from` comes a whole number, as in `number from 1`")?;
        (kind, Allowed::From(least))
    } else {
        (text, Allowed::Anything)
    };
    let known = KINDS.into_iter().find(|(name, _)| *name == kind);
    let (_, kind) = known.ok_or_else(|| {
        let kinds = KINDS.map(|(name, _)| name).join(", ");
        format!("`{kind}` is not a kind of parameter: use {kinds}")
    })?;
    match (kind, &allowed) {
        (_, Allowed::Anything)
        | (Kind::Text, Allowed::Words(_))
        | (Kind::Number, Allowed::From(_)) => Ok((kind, allowed)),
        _ => Err("`of` goes with text, and `from` with number".to_owned()),
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .chars()
            .all(|each| each.is_ascii_lowercase() || each.is_ascii_digit() || each == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(sql: &str) -> Result<Report, Problem> {
        super::parse("mine", sql.to_owned(), Origin::Embedded)
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
        let parameters: Vec<_> = header
            .parameters
            .iter()
            .map(|it| {
                (
                    it.name.as_str(),
                    it.kind,
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
                ("region", Kind::Text, Some(""), "everywhere without it"),
                ("top", Kind::Number, None, "how many"),
                ("state", Kind::Text, Some("on"), "only in this state"),
            ]
        );
        let allowed = |name: &str| header.parameters.iter().find(|it| it.name == name);
        let allowed = |name: &str| allowed(name).unwrap().allowed.clone();
        assert_eq!(allowed("since"), Allowed::Anything);
        assert_eq!(allowed("top"), Allowed::From(1));
        let words = ["on", "off"].map(str::to_owned).to_vec();
        assert_eq!(allowed("state"), Allowed::Words(words));
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
            let error = parse(text).unwrap_err();
            assert_eq!(error.line, Some(line), "{text}");
            assert!(error.message.contains(part), "{text}: {error:?}");
        }
    }
}
