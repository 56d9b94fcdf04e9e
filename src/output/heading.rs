//! What stands over a column, and how a person wants to read what is below.

/// The name of a column, and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heading<'a> {
    /// For programs: the key in JSON, the header of CSV.
    pub name: &'a str,
    /// For people: over a table.
    pub title: &'a str,
    /// How a person reads its values.
    pub look: Look,
}

/// How a table for people shows the values of a column. Programs are given all of them as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// As they are.
    Plain,
    /// The status of an action, in its colour.
    Status,
    /// A number of seconds, as `1h 3m`.
    Seconds,
    /// An instant, in the time zone that was asked for.
    Time,
    /// A share from 0 to 100, with a bar of that length.
    Percent,
    /// A number, with a bar beside it that is as long as can be for the greatest in the column, which is this.
    Bar {
        /// The greatest number.
        greatest: i64,
    },
}

/// Whether two names mean the same column: `StartedAt`, as doctl calls it, is `started_at`.
#[must_use]
pub fn is_same_name(one: &str, other: &str) -> bool {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    plain(one) == plain(other)
}

impl<'a> Heading<'a> {
    /// A column that is called the same by everybody, with its values as they are.
    #[must_use]
    pub fn plain(name: &'a str) -> Self {
        Self {
            name,
            title: name,
            look: Look::Plain,
        }
    }

    /// A column whose name says what it holds: `took_seconds` is a duration, `started_at` an instant, `errored_percent`
    /// a share.
    #[must_use]
    pub fn named(name: &'a str) -> Self {
        let (title, look) = if let Some(title) = name.strip_suffix("_seconds") {
            (title, Look::Seconds)
        } else if let Some(title) = name.strip_suffix("_at") {
            (title, Look::Time)
        } else if name.ends_with("_percent") {
            (name, Look::Percent)
        } else if name == "status" {
            (name, Look::Status)
        } else {
            (name, Look::Plain)
        };
        Self { name, title, look }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_its_column_holds() {
        for (name, title, look) in [
            ("duration_seconds", "duration", Look::Seconds),
            ("started_at", "started", Look::Time),
            ("errored_percent", "errored_percent", Look::Percent),
            ("status", "status", Look::Status),
            ("droplet_id", "droplet_id", Look::Plain),
        ] {
            assert_eq!(Heading::named(name), Heading { name, title, look });
        }
    }
}
