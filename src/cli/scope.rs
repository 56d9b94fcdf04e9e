//! The scope flags, for every command that syncs.

use std::collections::BTreeSet;

use archiver::archive;
use archiver::core::model::{DropletId, is_tag};
use archiver::core::similar::listed;
use archiver::query::{self, Choice, DropletSelector, Filter};
use archiver::sync::Scope;
use clap::builder::NonEmptyStringValueParser;

use super::Context;
use super::exit::Failure;

/// The scope flags.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ScopeFlags {
    /// Archive this droplet: its id, or a name that the archive knows (repeatable, or comma-separated)
    #[arg(long, value_name = "ID|NAME", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    droplet: Vec<String>,
    /// Archive the droplets that have this tag now (repeatable, or comma-separated)
    #[arg(long, value_name = "TAG", value_delimiter = ',', value_parser = tag)]
    tag: Vec<String>,
    /// Archive the whole account: every resource, destroyed droplets too
    #[arg(long, conflicts_with_all = ["droplet", "tag"])]
    all: bool,
}

/// The tag in a flag. The empty text, such as an unset variable of a script, is no tag.
pub(super) fn tag(text: &str) -> Result<String, &'static str> {
    let tag = is_tag(text).then(|| text.to_owned());
    tag.ok_or("a tag is not empty and has no blanks")
}

impl ScopeFlags {
    /// The scope of the flags, else of the configuration, else the whole account. Names are looked up in the archive.
    pub(super) fn scope(&self, context: &Context) -> Result<Scope, Failure> {
        let configured = &context.config.file().sync;
        let is_by_flag = self.all || !self.droplet.is_empty() || !self.tag.is_empty();
        let (ids, tags) = match is_by_flag {
            true => (ids(context, &self.droplet)?, &self.tag),
            false => (
                BTreeSet::from_iter(configured.droplets.clone()),
                &configured.tags,
            ),
        };
        if ids.is_empty() && tags.is_empty() {
            return Ok(Scope::Account);
        }
        let tags = tags.iter().cloned().collect();
        Ok(Scope::Droplets { ids, tags })
    }
}

/// The ids of droplets that are given by id, or by a name or pattern. Digits are an id, which need not be archived.
fn ids(context: &Context, droplets: &[String]) -> Result<BTreeSet<DropletId>, Failure> {
    let is_id = |droplet: &&String| droplet.bytes().all(|byte| byte.is_ascii_digit());
    let (ids, names): (Vec<_>, Vec<_>) = droplets.iter().partition(is_id);
    let ids = ids.into_iter().map(|id| {
        let too_large = |_| Failure::usage(format!("--droplet: the id {id} is too large"));
        id.parse().map_err(too_large)
    });
    let mut ids = ids.collect::<Result<BTreeSet<_>, _>>()?;
    ids.extend(by_name(context, &names).map_err(|failure| failure.about("--droplet"))?);
    Ok(ids)
}

/// The droplets with these names.
fn by_name(context: &Context, names: &[&String]) -> Result<Vec<DropletId>, Failure> {
    const LOOKED_UP: &str =
        "a name is looked up in the archive; give the id of the droplet instead";
    let Some(first) = names.first() else {
        return Ok(Vec::new());
    };
    if let Err(archive::Error::Missing { .. }) = archive::expect_archive(&context.archive_path()?) {
        let failure = Failure::usage(format!("`{first}` is a name, and no archive knows it yet"));
        return Err(failure.with_hint("give the id of the droplet"));
    }
    let archive = context.open_archive();
    let archive = archive.map_err(|failure| failure.with_hint(LOOKED_UP))?;
    let selectors = names
        .iter()
        .flat_map(|name| name.parse::<DropletSelector>());
    let filter = Filter {
        droplets: Choice::any_of(selectors),
        ..Filter::default()
    };
    let found = query::droplets(&archive, &filter).map_err(|error| match error {
        query::Error::UnknownName { .. } => Failure::from(error).with_hint(LOOKED_UP),
        error => error.into(),
    })?;
    Ok(found.unwrap_or_default())
}

/// The scope in words. A long list is cut.
pub(super) fn in_words(scope: &Scope) -> String {
    const MOST: usize = 5;
    let Scope::Droplets { ids, tags } = scope else {
        return "the whole account".to_owned();
    };
    let (droplets, tagged) = (listed(MOST, ids), listed(MOST, tags));
    match (ids.is_empty(), tags.is_empty()) {
        (_, true) => format!("droplets {droplets}"),
        (true, false) => format!("droplets tagged {tagged}"),
        (false, false) => format!("droplets {droplets}, and those tagged {tagged}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_worded_for_people() {
        let scope = |ids: &[DropletId], tags: &[&str]| Scope::Droplets {
            ids: ids.iter().copied().collect(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        };
        assert_eq!(in_words(&Scope::Account), "the whole account");
        assert_eq!(in_words(&scope(&[1, 2], &[])), "droplets 1, 2");
        assert_eq!(in_words(&scope(&[], &["web"])), "droplets tagged web");
        assert_eq!(
            in_words(&scope(&[1, 2, 3, 4, 5, 6, 7], &["web"])),
            "droplets 1, 2, 3, 4, 5 and 2 more, and those tagged web"
        );
    }
}
