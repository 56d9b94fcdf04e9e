//! What a sync is to read.

use std::collections::BTreeSet;
use std::fmt;

use crate::model::DropletId;

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
