//! The droplets and tags of a filter that one archive does not know. Another one may.

use rusqlite::Connection;

use super::droplets::{droplets, one_droplet};
use super::suggest::unseen_droplets;
use super::{Choice, DropletSelector, Error, Filter};

/// A droplet or a tag that an archive does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// By id, name or pattern.
    Droplet(DropletSelector),
    /// A tag that no droplet has or had.
    Tag(String),
}

/// The droplets and tags of the filter that the archive does not know. An ambiguous name is known.
///
/// # Errors
/// When the archive cannot be read.
pub fn strangers(connection: &Connection, filter: &Filter) -> Result<Vec<Stranger>, Error> {
    let mut strangers = Vec::new();
    for selector in filter.droplets.all() {
        let named = Filter {
            droplets: Choice::any_of([selector.clone()]),
            ..Filter::default()
        };
        let is_known = match selector {
            DropletSelector::Pattern(_) => is_known(droplets(connection, &named))?,
            // Digits may be the id of a droplet that nobody knows.
            _ => match one_droplet(connection, selector) {
                Ok(id) => unseen_droplets(connection, &[id])?.is_empty(),
                Err(error) => is_known(Err::<(), _>(error))?,
            },
        };
        strangers.extend((!is_known).then(|| Stranger::Droplet(selector.clone())));
    }
    for tag in filter.tags.all() {
        let tagged = Filter {
            tags: Choice::any_of([tag.clone()]),
            ..Filter::default()
        };
        let is_known = is_known(droplets(connection, &tagged))?;
        strangers.extend((!is_known).then(|| Stranger::Tag(tag.clone())));
    }
    Ok(strangers)
}

fn is_known<T>(found: Result<T, Error>) -> Result<bool, Error> {
    match found {
        Err(Error::UnknownName { .. } | Error::UnknownTag { .. }) => Ok(false),
        Err(error @ (Error::Read(_) | Error::Write(_))) => Err(error),
        _ => Ok(true),
    }
}

impl Filter {
    /// The filter without these. `None` when it named droplets or tags, and all of them are these: then nothing matches.
    #[must_use]
    pub fn without(mut self, strangers: &[Stranger]) -> Option<Self> {
        let droplet = |it: &DropletSelector| strangers.contains(&Stranger::Droplet(it.clone()));
        let tag = |it: &String| strangers.contains(&Stranger::Tag(it.clone()));
        let is_left = [
            self.droplets.retain(|it| !droplet(it)),
            self.tags.retain(|it| !tag(it)),
        ];
        is_left.into_iter().all(|it| it).then_some(self)
    }
}
