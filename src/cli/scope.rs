//! The flags that say what to sync, for every command that does.

use archiver::config::ConfigFile;
use archiver::model::DropletId;
use archiver::sync::Scope;

/// What to sync.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ScopeFlags {
    /// Archive this droplet (repeatable, or comma-separated)
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    droplet: Vec<DropletId>,
    /// Archive the droplets that have this tag now (repeatable, or comma-separated)
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    tag: Vec<String>,
    /// Archive the whole account: every resource, destroyed droplets too
    #[arg(long, conflicts_with_all = ["droplet", "tag"])]
    all: bool,
}

impl ScopeFlags {
    /// What they say, else what the configuration says, else everything.
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
