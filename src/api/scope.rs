//! The permissions of a token that an archive needs.
//!
//! The API does not list the permissions of a token, so they must be tried. The specification names the scope of each
//! endpoint (<https://docs.digitalocean.com/reference/api/scopes/>), and the smallest request to one is enough.

use serde::{Serialize, Serializer};

/// A scope of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenScope {
    /// To read every action of the account.
    ActionsRead,
    /// To read the existing droplets, and the actions of each.
    DropletRead,
    /// To read which droplets have a tag.
    TagRead,
    /// To read the sizes that regions offer.
    SizesRead,
    /// To read which account the token belongs to.
    AccountRead,
}

impl TokenScope {
    /// All scopes; the ones that a sync needs come first.
    pub const ALL: [Self; 5] = [
        Self::ActionsRead,
        Self::DropletRead,
        Self::TagRead,
        Self::SizesRead,
        Self::AccountRead,
    ];

    /// The name at DigitalOcean, such as `actions:read`.
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

    /// The path, the parameters besides the smallest page, and the member that a good answer has. No droplet needs to
    /// have the tag of the request.
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
