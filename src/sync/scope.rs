//! What a sync reads, and how.

use std::collections::BTreeSet;
use std::fmt;

use crate::core::model::DropletId;
use crate::core::time::Timestamp;

/// Whose actions are archived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every action that `/v2/actions` lists: every resource type, destroyed droplets too.
    Account,
    /// The actions of these droplets, and of those that have these tags now.
    Droplets {
        /// Their ids.
        ids: BTreeSet<DropletId>,
        /// Tags, resolved anew by each sync.
        tags: BTreeSet<String>,
    },
}

/// As it stands in the archive's log of syncs.
impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account => formatter.write_str("account"),
            Self::Droplets { ids, tags } => {
                serde_json::json!({ "droplets": ids, "tags": tags }).fmt(formatter)
            }
        }
    }
}

/// How to sync.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What to read.
    pub scope: Scope,
    /// Whether to page through everything again, whatever is covered.
    pub full: bool,
    /// Pages under way at once.
    pub concurrency: usize,
    /// Within how many seconds the own listing of each followed droplet is read again.
    pub recheck_seconds: i64,
    /// How many seconds lie between two audits, each of which reads one page again that was archived long ago; none without.
    pub audit_seconds: Option<i64>,
    /// The time of day.
    pub clock: fn() -> Timestamp,
}
