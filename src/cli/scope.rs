//! The scope flags, for every command that syncs.

use archiver::config::ConfigFile;
use archiver::core::model::{DropletId, is_tag};
use archiver::sync::Scope;

/// The scope flags.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ScopeFlags {
    /// Archive this droplet (repeatable, or comma-separated)
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    droplet: Vec<DropletId>,
    /// Archive the droplets that have this tag now (repeatable, or comma-separated)
    #[arg(long, value_name = "TAG", value_delimiter = ',', value_parser = tag)]
    tag: Vec<String>,
    /// Archive the whole account: every resource, destroyed droplets too
    #[arg(long, conflicts_with_all = ["droplet", "tag"])]
    all: bool,
}

fn tag(text: &str) -> Result<String, &'static str> {
    let tag = is_tag(text).then(|| text.to_owned());
    tag.ok_or("a tag is not empty and has no blanks")
}

impl ScopeFlags {
    /// The scope of the flags, else of the configuration, else the whole account.
    pub(super) fn scope(&self, file: &ConfigFile) -> Scope {
        let is_by_flag = self.all || !self.droplet.is_empty() || !self.tag.is_empty();
        let (ids, tags) = if is_by_flag {
            (&self.droplet, &self.tag)
        } else {
            (&file.sync.droplets, &file.sync.tags)
        };
        if ids.is_empty() && tags.is_empty() {
            Scope::Account
        } else {
            Scope::Droplets {
                ids: ids.iter().copied().collect(),
                tags: tags.iter().cloned().collect(),
            }
        }
    }
}

/// The scope in words. A long list is cut.
pub(super) fn in_words(scope: &Scope) -> String {
    const MOST: usize = 5;
    let Scope::Droplets { ids, tags } = scope else {
        return "the whole account".to_owned();
    };
    let list = |names: Vec<String>| match names.len() {
        0..=MOST => names.join(", "),
        count => format!("{} and {} more", names[..MOST].join(", "), count - MOST),
    };
    let droplets = list(ids.iter().map(ToString::to_string).collect());
    let tagged = list(tags.iter().cloned().collect());
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
