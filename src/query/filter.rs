//! What is asked for, as a plain value: no SQL, no flags.

use std::convert::Infallible;
use std::str::FromStr;

use crate::model::{ActionId, DropletId};
use crate::time::Timestamp;

/// Which actions are asked for. Every field narrows the answer, an empty one does not; the values within a field
/// are alternatives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// What was done: `reboot`, `snapshot` …
    pub types: Vec<String>,
    /// `in-progress`, `completed`, `errored` …
    pub statuses: Vec<String>,
    /// The droplets it was done to, or in whose own listing it was.
    pub droplets: Vec<DropletSelector>,
    /// The slugs of the regions it was done in.
    pub regions: Vec<String>,
    /// What it was done to: `droplet`, `volume` …
    pub resource_types: Vec<String>,
    /// The actions themselves.
    pub ids: Vec<ActionId>,
    /// Started at this instant or later.
    pub since: Option<Timestamp>,
    /// Started before this instant.
    pub until: Option<Timestamp>,
    /// At most this many: the most recent ones, shown oldest first like all answers.
    pub limit: Option<u64>,
}

/// How a droplet is named in a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DropletSelector {
    /// By its number, archived or not.
    Id(DropletId),
    /// By a name that it has or once had, and no other droplet.
    Name(String),
    /// By names with `*`, `?` or `[…]` in them, as in `web-*`: every droplet that has or had such a name.
    Pattern(String),
}

impl FromStr for DropletSelector {
    type Err = Infallible;

    /// Digits alone are an id, even if a droplet has such a name.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let is_id = text.bytes().all(|byte| byte.is_ascii_digit());
        Ok(match text.parse() {
            Ok(id) if is_id => Self::Id(id),
            _ if text.contains(['*', '?', '[']) => Self::Pattern(text.to_owned()),
            _ => Self::Name(text.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_an_id_and_the_rest_a_name() {
        for (given, expected) in [
            ("3164444", DropletSelector::Id(3_164_444)),
            ("007", DropletSelector::Id(7)),
            ("web-1", DropletSelector::Name("web-1".to_owned())),
            ("-7", DropletSelector::Name("-7".to_owned())),
            ("+7", DropletSelector::Name("+7".to_owned())),
            (
                "99999999999999999999",
                DropletSelector::Name("99999999999999999999".to_owned()),
            ),
            ("web-*", DropletSelector::Pattern("web-*".to_owned())),
            ("web-[12]", DropletSelector::Pattern("web-[12]".to_owned())),
        ] {
            assert_eq!(given.parse(), Ok(expected));
        }
    }
}
