//! From what a person wrote for a report's parameters to the values that its SQL gets.

use std::collections::BTreeMap;
use std::convert::Infallible;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::{Error, Kind, Parameter, Report};
use crate::core::time::{DurationError, Timestamp, Zone, parse_duration, parse_since, parse_until};
use crate::query::{self, DropletSelector, Filter, Term, TypeSelector};

/// What values are understood by.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The archive, which knows the names of droplets.
    pub connection: &'a Connection,
    /// Where times such as `7d` count from, and what a report takes as now.
    pub now: Timestamp,
    /// What times without an offset are meant in.
    pub zone: &'a Zone,
}

/// The values of all parameters of a report, the defaults among them.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    pub(super) now: Timestamp,
    pub(super) values: BTreeMap<String, Value>,
}

impl Bound {
    /// What the SQL gets for a parameter, as text: `2021-04-01T00:00:00Z`, `3600 seconds`, `["backup"]`. Nothing for
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
    /// Understands what was written for this report's parameters, by their names; what was not is their default.
    ///
    /// # Errors
    /// When there is no such parameter, one without a default is missing, or a text is not of its kind.
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

/// Whether a text is of a kind, as far as that can be said without an archive.
pub(super) fn check(name: &str, kind: Kind, text: &str) -> Result<(), Error> {
    // Any day will do: that a text is a time does not depend on the day it is read.
    match Timestamp::from_epoch_seconds(1_600_000_000) {
        Ok(now) => plain(name, kind, text, now, &Zone::utc()).map(|_| ()),
        Err(_) => Ok(()),
    }
}

/// A thousand years: from a time of today on, SQLite counts no further back than four thousand.
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

/// The types that are written, a group as what is in it.
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

/// The same, of an archive: a type that neither a group nor any action has would be a check that always passes.
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
