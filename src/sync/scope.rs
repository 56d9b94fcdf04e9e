//! The scope and the settings of a sync run.

use std::collections::BTreeSet;
use std::fmt;

use crate::core::model::DropletId;
use crate::core::time::Timestamp;

/// The actions to archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every action of `/v2/actions`: all resource types, including destroyed droplets.
    Account,
    /// The actions of these droplets, and of all droplets that have these tags now.
    Droplets {
        /// Their ids.
        ids: BTreeSet<DropletId>,
        /// The tags, which each sync run resolves again.
        tags: BTreeSet<String>,
    },
}

/// The text in the archive's log of sync runs.
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

/// The settings of a sync run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The scope to read.
    pub scope: Scope,
    /// True for a full scan of each listing, regardless of coverage.
    pub full: bool,
    /// The number of pages that are under way at once.
    pub concurrency: usize,
    /// The period of the recheck in seconds: each followed droplet's listing is read again within it.
    pub recheck_seconds: i64,
    /// The seconds between two audits; `None` turns them off. An audit reads one page again that was archived long ago.
    pub audit_seconds: Option<i64>,
    /// The current time.
    pub clock: fn() -> Timestamp,
}
