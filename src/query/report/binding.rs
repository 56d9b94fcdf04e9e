//! Turns the user's values for the parameters of a report into the values for its SQL.

use std::collections::BTreeMap;
use std::convert::Infallible;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::{Error, Kind, Parameter, Report};
use crate::core::time::{DurationError, Timestamp, Zone, parse_duration, parse_since, parse_until};
use crate::query::{self, DropletSelector, Filter, Term, TypeSelector};

/// The context that gives values their meaning.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The archive, which has the names of droplets.
    pub connection: &'a Connection,
    /// The current time: times such as `7d` count from it, and a report uses it as `now`.
    pub now: Timestamp,
    /// The time zone of times without an offset.
    pub zone: &'a Zone,
}

/// The values of all parameters of a report, including the defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    pub(super) now: Timestamp,
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
}

impl Report {
    /// Parses the values for the parameters of this report, by name. Missing parameters get their defaults.
    ///
    /// # Errors
    /// When a parameter does not exist, one without a default is missing, or a text does not match its kind.
    pub fn bind(
        &self,
        written: &BTreeMap<String, String>,
        context: &Context<'_>,
    ) -> Result<Bound, Error> {
        if let Some(name) = written.keys().find(|name| self.parameter(name).is_none()) {
            return Err(Error::UnknownParameter {
                report: self.name.clone(),
                parameter: name.clone(),
                known: self.parameters.iter().map(|it| it.name.clone()).collect(),
            });
        }
        let mut values = BTreeMap::new();
        for parameter in &self.parameters {
            let text = written.get(&parameter.name).map(String::as_str);
            let value = self.value(parameter, text, context)?;
            values.insert(parameter.name.clone(), value);
        }
        Ok(Bound {
            now: context.now,
            values,
        })
    }

    fn value(
        &self,
        parameter: &Parameter,
        written: Option<&str>,
        context: &Context<'_>,
    ) -> Result<Value, Error> {
        match (written.map(str::trim), parameter.default.as_deref()) {
            (None, Some("")) => Ok(Value::Null),
            (Some(""), _) | (None, None) => Err(Error::NoValue {
                report: self.name.clone(),
                parameter: parameter.name.clone(),
                description: parameter.description.clone(),
            }),
            (Some(text), _) | (None, Some(text)) => match parameter.kind {
                Kind::Droplets => droplets(&parameter.name, text, context.connection),
                Kind::Types => known_types(&parameter.name, text, context.connection),
                kind => plain(&parameter.name, kind, text, context.now, context.zone),
            },
        }
    }
}

/// Checks that a text matches a kind, as far as this is possible without an archive.
pub(super) fn check(name: &str, kind: Kind, text: &str) -> Result<(), Error> {
    // Any day is fine: the current day does not decide if a text is a valid time.
    match Timestamp::from_epoch_seconds(1_600_000_000) {
        Ok(now) => plain(name, kind, text, now, &Zone::utc()).map(|_| ()),
        Err(_) => Ok(()),
    }
}

/// The maximum is a thousand years: from a present time, SQLite counts back at most four thousand.
const LONGEST_SECONDS: i64 = 1_000 * 366 * 86_400;

fn plain(name: &str, kind: Kind, text: &str, now: Timestamp, zone: &Zone) -> Result<Value, Error> {
    let parameter = || name.to_owned();
    match kind {
        Kind::Time | Kind::End => {
            let parse = if kind == Kind::End {
                parse_until
            } else {
                parse_since
            };
            parse(text, now, zone)
                .map(|time| Value::Text(time.to_string()))
                .map_err(|source| Error::Time {
                    parameter: parameter(),
                    source,
                })
        }
        Kind::Duration => parse_duration(text)
            .and_then(|seconds| {
                let input = text.to_owned();
                let is_too_long = seconds > LONGEST_SECONDS;
                if is_too_long {
                    Err(DurationError::TooLong { input })
                } else {
                    Ok(seconds)
                }
            })
            .map(|seconds| Value::Text(format!("{seconds} seconds")))
            .map_err(|source| Error::Duration {
                parameter: parameter(),
                source,
            }),
        Kind::Number => number(text).ok_or_else(|| Error::Number {
            parameter: parameter(),
            input: text.to_owned(),
        }),
        Kind::Types => types(name, text).map(|types| list(&types)),
        Kind::Text | Kind::Droplets => Ok(Value::Text(
            serde_json::Value::from(parts(text)).to_string(),
        )),
    }
}

fn number(text: &str) -> Option<Value> {
    let integer = text.parse().map(Value::Integer).ok();
    let real = || text.parse().ok().filter(|real: &f64| real.is_finite());
    integer.or_else(|| real().map(Value::Real))
}

fn parts(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).collect()
}

fn list(texts: &[String]) -> Value {
    Value::Text(serde_json::Value::from(texts.to_vec()).to_string())
}

/// The named types; a group is replaced by its types.
fn types(name: &str, text: &str) -> Result<Vec<String>, Error> {
    let mut types = Vec::new();
    for part in parts(text) {
        let selector: TypeSelector = part.parse().map_err(|source| Error::Group {
            parameter: name.to_owned(),
            source,
        })?;
        types.extend(selector.types().map(str::to_owned));
    }
    Ok(types)
}

/// As [`types`], with an archive. An unknown type is an error: a report on a misspelt type finds no problem.
fn known_types(name: &str, text: &str, connection: &Connection) -> Result<Value, Error> {
    let types = types(name, text)?;
    let in_groups = |wanted: &str| {
        query::groups()
            .iter()
            .any(|group| group.types.contains(&wanted))
    };
    let unknown = types.iter().filter(|wanted| !in_groups(wanted));
    let filter = Filter {
        types: unknown
            .map(|wanted| Term::Is(TypeSelector::Type(wanted.clone())))
            .collect(),
        ..Filter::default()
    };
    let unseen = query::unseen(connection, &filter).map_err(|source| Error::Droplets {
        parameter: name.to_owned(),
        source,
    })?;
    match unseen.into_iter().next() {
        None => Ok(list(&types)),
        Some(unseen) => Err(Error::UnknownType {
            parameter: name.to_owned(),
            input: unseen.value,
            near: unseen.near,
        }),
    }
}

const ALL: &str = "*";

fn droplets(name: &str, text: &str, connection: &Connection) -> Result<Value, Error> {
    if text == ALL {
        return Ok(Value::Text(text.to_owned()));
    }
    let selectors: Result<Vec<DropletSelector>, Infallible> =
        parts(text).into_iter().map(str::parse).collect();
    let Ok(selectors) = selectors;
    let ids = query::resolve(connection, &selectors).map_err(|source| Error::Droplets {
        parameter: name.to_owned(),
        source,
    })?;
    Ok(Value::Text(serde_json::Value::from(ids).to_string()))
}
