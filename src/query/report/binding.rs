//! Turns the user's values for the parameters of a report into the values for its SQL.

use std::collections::BTreeMap;

use rusqlite::Connection;
use rusqlite::types::Value;
use serde::Serialize;

use super::{Error, Kind, NOW, Parameter, Report, flag};
use crate::core::model::DropletId;
use crate::core::similar::did_you_mean;
use crate::core::time::{
    CalendarUnit, TimeError, Timestamp, Zone, parse_duration, parse_since, parse_until,
};
use crate::query::{self, Choice, Filter, Term, TypeSelector, Unseen};

/// The context that gives values their meaning.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The archive, which has the names of droplets.
    pub connection: &'a Connection,
    /// The current time: times such as `7d` count from it, and a report uses it as `now`.
    pub now: Timestamp,
    /// The time zone of times without an offset.
    pub zone: &'a Zone,
    /// Adds to the choice of droplets what is chosen beside the parameters, such as tags.
    pub narrow: &'a dyn Fn(Filter) -> Filter,
}

/// The values of all parameters of a report, including the defaults and `now`.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    pub(super) values: BTreeMap<String, Value>,
}

impl Bound {
    /// The value of a parameter for the SQL, as text: `2021-04-01T00:00:00Z`, `3600 seconds`, `["backup"]`. `None` for
    /// NULL, and for a parameter that the report does not have.
    #[must_use]
    pub fn text(&self, parameter: &str) -> Option<String> {
        match self.values.get(parameter)? {
            Value::Text(text) => Some(text.clone()),
            Value::Integer(number) => Some(number.to_string()),
            Value::Real(number) => Some(number.to_string()),
            Value::Null | Value::Blob(_) => None,
        }
    }

    /// The droplets that the parameters of a report name; `None` for all.
    #[must_use]
    pub fn droplets(&self, report: &Report) -> Option<Vec<DropletId>> {
        let texts = report
            .droplet_parameters()
            .filter_map(|it| self.text(&it.name));
        let lists = texts.filter_map(|text| serde_json::from_str::<Vec<_>>(&text).ok());
        lists.reduce(|one, other| [one, other].concat())
    }
}

impl Report {
    /// Parses the values for the parameters of this report, by name. Missing parameters get their defaults.
    ///
    /// # Errors
    /// When a parameter without a default is missing, or a text does not match its kind.
    pub fn bind(
        &self,
        written: &BTreeMap<String, String>,
        context: &Context<'_>,
    ) -> Result<Bound, Error> {
        debug_assert!(written.keys().all(|name| self.parameter(name).is_some()));
        let now = Value::Text(context.now.to_string());
        let mut values = BTreeMap::from([(NOW.to_owned(), now)]);
        for parameter in &self.parameters {
            let value = self.value(parameter, written, context)?;
            values.insert(parameter.name.clone(), value);
        }
        for parameter in &self.parameters {
            if parameter.kind == Kind::Periods
                && let Some(periods) = periods(&parameter.name, &values, context.zone)
            {
                values.insert(parameter.name.clone(), periods);
            }
        }
        Ok(Bound { values })
    }

    fn value(
        &self,
        parameter: &Parameter,
        written: &BTreeMap<String, String>,
        context: &Context<'_>,
    ) -> Result<Value, Error> {
        let written = written.get(&parameter.name).map(|it| it.trim());
        let text = match (written, parameter.default.as_deref()) {
            (Some(""), _) | (None, None) => {
                let (name, flag) = (&self.name, flag(&parameter.name));
                let message = format!("the report `{name}` needs a value for {flag}: ");
                return Err(Error::Invalid(message + &parameter.description));
            }
            (Some(text), _) | (None, Some(text)) => text,
        };
        match parameter.kind {
            Kind::Droplets => droplets(&parameter.name, text, context),
            _ if text.is_empty() => Ok(Value::Null),
            Kind::Types => known_types(&parameter.name, text, context.connection),
            _ => plain(parameter, text, context.now, context.zone),
        }
    }
}

/// Checks that a text is a value for the parameter, as far as this is possible without an archive.
pub(super) fn check(parameter: &Parameter, text: &str) -> Result<(), Error> {
    // Any day is fine: the current day does not decide if a text is a valid time.
    match Timestamp::from_epoch_seconds(1_600_000_000) {
        Ok(now) => plain(parameter, text, now, &Zone::utc()).map(|_| ()),
        Err(_) => Ok(()),
    }
}

/// The maximum is a thousand years: from a present time, SQLite counts back at most four thousand.
const LONGEST_SECONDS: i64 = 1_000 * 366 * 86_400;

fn plain(parameter: &Parameter, text: &str, now: Timestamp, zone: &Zone) -> Result<Value, Error> {
    let value = match &parameter.kind {
        Kind::Time => time(parse_since(text, now, zone)),
        Kind::End => time(parse_until(text, now, zone)),
        Kind::Duration => duration(text),
        Kind::Number(least) => number(*least, text),
        Kind::Types => types(text).map(|types| list(&types)),
        Kind::Periods => unit(text).map(|_| Value::Text(text.to_owned())),
        Kind::Text(allowed) => words(allowed, text),
        Kind::Droplets => Ok(list(&parts(text))),
    };
    value.map_err(invalid(&parameter.name))
}

/// Names the parameter of a value that does not fit it.
fn invalid(parameter: &str) -> impl FnOnce(String) -> Error {
    move |message| Error::Invalid(format!("{}: {message}", flag(parameter)))
}

/// Names the flag of droplets, tags or types that the archive does not have.
fn of_archive(parameter: &str) -> impl FnOnce(query::Error) -> Error {
    move |source| Error::Droplets {
        parameter: match source {
            query::Error::UnknownTag { .. } => "tag".to_owned(),
            _ => parameter.to_owned(),
        },
        source,
    }
}

fn time(parsed: Result<Timestamp, TimeError>) -> Result<Value, String> {
    match parsed {
        Ok(time) => Ok(Value::Text(time.to_string())),
        Err(error) => Err(error.to_string()),
    }
}

fn duration(text: &str) -> Result<Value, String> {
    match parse_duration(text) {
        Ok(seconds @ ..=LONGEST_SECONDS) => Ok(Value::Text(format!("{seconds} seconds"))),
        Ok(_) => Err(format!("`{text}` is longer than a thousand years")),
        Err(error) => Err(error.to_string()),
    }
}

/// The length of periods; `None` for one period that is the whole window.
fn unit(text: &str) -> Result<Option<CalendarUnit>, String> {
    match text {
        "month" => Ok(Some(CalendarUnit::Month)),
        "week" => Ok(Some(CalendarUnit::Week)),
        "day" => Ok(Some(CalendarUnit::Day)),
        "all" => Ok(None),
        _ => Err(format!(
            "`{text}` is not a period: use month, week, day or all"
        )),
    }
}

/// The periods between the values of `since` and `until`, as the zone has them. `None` without these parameters.
fn periods(name: &str, values: &BTreeMap<String, Value>, zone: &Zone) -> Option<Value> {
    let text = |name: &str| match values.get(name) {
        Some(Value::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    let time = |name: &str| text(name)?.parse::<Timestamp>().ok();
    let (since, until) = (time("since")?, time("until")?);
    let by = text(name)?;
    let periods = match unit(by).ok()? {
        None => vec![(by.to_owned(), since, until)],
        Some(unit) => unit.between(since, until, zone),
    };
    let texts =
        |(name, from, to): (_, Timestamp, Timestamp)| [name, from.to_string(), to.to_string()];
    Some(list(&periods.into_iter().map(texts).collect::<Vec<_>>()))
}

fn number(least: Option<u32>, text: &str) -> Result<Value, String> {
    // A whole number that no integer holds would lose digits.
    let number = text.parse().ok().filter(|number: &f64| number.abs() < 1e15);
    let number = number.ok_or_else(|| format!("`{text}` is not a number: 20 and 1.5 work"))?;
    match least {
        Some(least) if number < f64::from(least) => {
            Err(format!("`{text}` is too small: use {least} or more"))
        }
        _ => Ok(text.parse().map_or(Value::Real(number), Value::Integer)),
    }
}

fn words(allowed: &[String], text: &str) -> Result<Value, String> {
    let words = parts(text);
    let is_allowed = |word: &str| allowed.is_empty() || allowed.iter().any(|it| it == word);
    match words.iter().find(|word| !is_allowed(word)) {
        Some(word) => Err(format!("`{word}` is invalid: use {}", allowed.join(", "))),
        None => Ok(list(&words)),
    }
}

fn parts(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).collect()
}

fn list(texts: &[impl Serialize]) -> Value {
    Value::Text(serde_json::json!(texts).to_string())
}

/// The named types; a group is replaced by its types.
fn types(text: &str) -> Result<Vec<String>, String> {
    let mut types = Vec::new();
    for part in parts(text) {
        let selector = part.parse::<TypeSelector>();
        let selector = selector.map_err(|error| error.to_string())?;
        types.extend(selector.types().map(str::to_owned));
    }
    Ok(types)
}

/// As [`types`], with an archive. An unknown type is an error: a report on a misspelt type finds no problem.
fn known_types(name: &str, text: &str, connection: &Connection) -> Result<Value, Error> {
    let types = types(text).map_err(invalid(name))?;
    let wanted = types.iter().cloned().map(TypeSelector::Type);
    let filter = Filter {
        types: Choice::any_of(wanted),
        ..Filter::default()
    };
    let unknown = query::unknown(connection, &filter).map_err(of_archive(name))?;
    match unknown.into_iter().next() {
        None => Ok(list(&types)),
        Some(Unseen { value, near, .. }) => {
            let (flag, near) = (flag(name), did_you_mean(&near));
            let message = format!("{flag}: no archived action has the type `{value}`{near}");
            Err(Error::UnknownType(message))
        }
    }
}

const ALL: &str = "*";

/// The named droplets. `!web-*` leaves droplets out of those that are named, or of all.
fn droplets(name: &str, text: &str, context: &Context<'_>) -> Result<Value, Error> {
    let terms = match text {
        "" | ALL => Vec::new(),
        text => parts(text),
    };
    let terms = terms.into_iter().map(str::parse::<Term<_>>);
    let terms = terms.collect::<Result<_, _>>();
    let filter = (context.narrow)(Filter {
        droplets: terms.map_err(|error| invalid(name)(error.to_string()))?,
        ..Filter::default()
    });
    let ids = query::droplets_kept(context.connection, &filter).map_err(of_archive(name))?;
    Ok(match ids {
        Some(ids) => list(&ids),
        None if text.is_empty() => Value::Null,
        None => Value::Text(ALL.to_owned()),
    })
}
