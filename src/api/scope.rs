//! What a token may be allowed to do, as far as an archive needs it.
//!
//! The API does not say what a token may do; it has to be tried. Each endpoint's scope is in the specification
//! (<https://docs.digitalocean.com/reference/api/scopes/>), so the smallest answer of one tells.

use serde::{Serialize, Serializer};

/// A scope of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenScope {
    /// Every action of the account.
    ActionsRead,
    /// The droplets that exist, and the actions of each.
    DropletRead,
    /// Which droplets have a tag.
    TagRead,
    /// The sizes that regions offer.
    SizesRead,
    /// Whose token it is.
    AccountRead,
}

impl TokenScope {
    /// All of them, what a sync needs first.
    pub const ALL: [Self; 5] = [
        Self::ActionsRead,
        Self::DropletRead,
        Self::TagRead,
        Self::SizesRead,
        Self::AccountRead,
    ];

    /// As DigitalOcean calls it: `actions:read`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ActionsRead => "actions:read",
            Self::DropletRead => "droplet:read",
            Self::TagRead => "tag:read",
            Self::SizesRead => "sizes:read",
            Self::AccountRead => "account:read",
        }
    }

    /// Where to ask, with which parameters besides the smallest page, and what a good answer holds. That no droplet has
    /// the tag which is asked for does not matter.
    pub(super) fn probe(
        self,
    ) -> (
        &'static str,
        &'static [(&'static str, &'static str)],
        &'static str,
    ) {
        match self {
            Self::ActionsRead => ("/v2/actions", &[], "actions"),
            Self::DropletRead => ("/v2/droplets", &[], "droplets"),
            Self::TagRead => (
                "/v2/droplets",
                &[("tag_name", "archiver-auth-check")],
                "droplets",
            ),
            Self::SizesRead => ("/v2/sizes", &[], "sizes"),
            Self::AccountRead => ("/v2/account", &[], "account"),
        }
    }
}

impl std::fmt::Display for TokenScope {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Serialize for TokenScope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
