//! The owner of the archived history.
//!
//! Asking the API at every sync would cost one request each time. So the archive stores a fingerprint of the last
//! checked token: a salted and shortened hash, from which the token cannot be recovered. Only another token is checked
//! again.

use rusqlite::{Connection, named_params};

use super::Store;
use super::connection::{execute, row, rows, time, value};
use super::error::Error;
use super::listings::ListingKind;
use crate::core::model::{Account, ActionId, DropletId};
use crate::core::time::Timestamp;

/// The account of an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArchivedAccount {
    /// The team that owns the droplets. `None` when the account has no team, or when no token was allowed to read it.
    pub team_uuid: Option<String>,
    /// The owner of the token, when the account has no team.
    pub uuid: Option<String>,
    /// The salt of the token fingerprints.
    pub token_salt: String,
    /// The fingerprint of the last checked token.
    pub token_fingerprint: Option<String>,
    /// The time when the API last refused the account's listing to that token; `None` when it never did.
    pub actions_refused_at: Option<Timestamp>,
}

impl ArchivedAccount {
    /// The reason why a token of `account` must not be used for this archive. `account.uuid` is the person, and the
    /// droplets and actions belong to the team (DigitalOcean's OpenAPI specification).
    #[must_use]
    pub fn conflict(&self, account: &Account) -> Option<String> {
        self.conflict_of("the token", account.team_uuid(), account.uuid.as_ref())
    }

    /// The reason why the contents of another archive must not be mixed with this one.
    #[must_use]
    pub fn conflict_with(&self, other: &Self) -> Option<String> {
        self.conflict_of("it", other.team_uuid.as_ref(), other.uuid.as_ref())
    }

    fn conflict_of(
        &self,
        who: &str,
        team: Option<&String>,
        person: Option<&String>,
    ) -> Option<String> {
        match (&self.team_uuid, team, &self.uuid, person) {
            (Some(pinned), Some(own), ..) if pinned != own => Some(format!(
                "{who} belongs to the team {own}, the archive to the team {pinned}"
            )),
            (Some(_), Some(_), ..) => None,
            (_, _, Some(pinned), Some(own)) if pinned != own => Some(format!(
                "{who} belongs to the account {own}, the archive to the account {pinned}"
            )),
            (Some(pinned), None, None, Some(own)) => Some(format!(
                "{who} belongs to the account {own} without a team, the archive to the team {pinned}"
            )),
            _ => None,
        }
    }

    /// True when `account` shares an identifier with the archive and does not conflict with it.
    #[must_use]
    pub fn is_of(&self, account: &Account) -> bool {
        let is_pinned = match (&self.team_uuid, account.team_uuid()) {
            (Some(_), Some(_)) => true,
            // A person may have several teams.
            (None, Some(_)) => false,
            (_, None) => self.uuid.is_some() && account.uuid.is_some(),
        };
        is_pinned && self.conflict(account).is_none()
    }

    /// Returns the archive's account with its owner set, as far as `account` tells: the team, or the person when there
    /// is no team.
    #[must_use]
    pub fn pinned_to(self, account: &Account) -> Self {
        let team_uuid = self.team_uuid.or_else(|| account.team_uuid().cloned());
        let person = account.uuid.clone().filter(|_| team_uuid.is_none());
        Self {
            uuid: self.uuid.or(person),
            team_uuid,
            ..self
        }
    }
}

/// The account of an archive that is open for reading, if a sync has stored one.
///
/// # Errors
/// When the archive cannot be read.
pub fn account(connection: &Connection) -> Result<Option<ArchivedAccount>, Error> {
    row(
        connection,
        "cannot read whose archive this is",
        "SELECT team_uuid, uuid, token_salt, token_fingerprint, actions_refused_at
           FROM account WHERE id = 1",
        [],
        |row| {
            Ok(ArchivedAccount {
                team_uuid: row.get("team_uuid")?,
                uuid: row.get("uuid")?,
                token_salt: row.get("token_salt")?,
                token_fingerprint: row.get("token_fingerprint")?,
                actions_refused_at: time(row, "actions_refused_at")?,
            })
        },
    )
}

/// The listings with coverage, without those of gone droplets. The account's listing comes first, because it shows all
/// actions of a token.
const COVERED: &str = "
SELECT droplet_id
  FROM listings
 WHERE (path = :path OR droplet_id IS NOT NULL)
   AND EXISTS (SELECT 1 FROM coverage WHERE listing_id = listings.id)
   AND NOT EXISTS (SELECT 1 FROM droplets WHERE droplets.id = droplet_id AND gone_at IS NOT NULL)
 ORDER BY droplet_id IS NOT NULL, complete_at DESC, id
 LIMIT :most";

const KNOWN: &str = "
SELECT count(*)
  FROM json_each(:ids)
 WHERE value IN (SELECT id FROM actions)";

impl Store {
    /// Listings that have archived actions, of droplets that are not gone.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub fn covered_listings(&self, most: i64) -> Result<Vec<ListingKind>, Error> {
        let parameters = named_params! { ":path": ListingKind::Account.path(), ":most": most };
        let step = "cannot read which listings are archived";
        rows(&self.connection, step, COVERED, parameters, |row| {
            let droplet_id: Option<DropletId> = row.get("droplet_id")?;
            Ok(droplet_id.map_or(ListingKind::Account, ListingKind::Droplet))
        })
    }

    /// The number of these actions that are archived.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub fn count_known(&self, ids: &[ActionId]) -> Result<i64, Error> {
        let parameters = named_params! { ":ids": serde_json::json!(ids).to_string() };
        let step = "cannot read which actions are archived";
        value(&self.connection, step, KNOWN, parameters)
    }

    /// The account, if a sync has stored one.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub fn account(&self) -> Result<Option<ArchivedAccount>, Error> {
        account(&self.connection)
    }

    /// Stores the account.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn set_account(&mut self, account: &ArchivedAccount) -> Result<(), Error> {
        execute(
                &self.connection,
                "cannot note whose archive this is",
                "INSERT INTO account (id, team_uuid, uuid, token_salt, token_fingerprint, actions_refused_at)
                 VALUES (1, :team_uuid, :uuid, :token_salt, :token_fingerprint, :actions_refused_at)
                 ON CONFLICT (id) DO UPDATE
                    SET team_uuid = excluded.team_uuid, uuid = excluded.uuid, token_salt = excluded.token_salt,
                        token_fingerprint = excluded.token_fingerprint,
                        actions_refused_at = excluded.actions_refused_at",
                named_params! {
                    ":team_uuid": account.team_uuid,
                    ":uuid": account.uuid,
                    ":token_salt": account.token_salt,
                    ":token_fingerprint": account.token_fingerprint,
                    ":actions_refused_at": account.actions_refused_at.map(|time| time.to_string()),
                },
            )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::model::Team;

    fn account(team: Option<&str>, person: Option<&str>) -> Account {
        Account {
            uuid: person.map(str::to_owned),
            team: team.map(|uuid| Team {
                uuid: Some(uuid.to_owned()),
                name: None,
            }),
            ..Account::default()
        }
    }

    fn pinned(team: Option<&str>, person: Option<&str>) -> ArchivedAccount {
        ArchivedAccount::default().pinned_to(&account(team, person))
    }

    #[test]
    fn an_archive_belongs_to_the_team_or_to_the_person_where_there_is_none() {
        let team = pinned(Some("t1"), Some("u"));
        assert_eq!((team.team_uuid.as_deref(), &team.uuid), (Some("t1"), &None));
        for (pinned, token, is_refused) in [
            (&team, account(Some("t1"), Some("u")), false),
            (&team, account(Some("t1"), Some("colleague")), false),
            (&team, account(Some("t2"), Some("u")), true),
            (&team, account(None, Some("u")), true),
            (&team, account(None, None), false),
            (&pinned(None, Some("u")), account(None, Some("u")), false),
            (&pinned(None, Some("u")), account(None, Some("other")), true),
            (
                &pinned(None, Some("u")),
                account(Some("t1"), Some("other")),
                true,
            ),
            (&pinned(None, None), account(Some("t1"), Some("u")), false),
        ] {
            let conflict = pinned.conflict(&token);
            assert_eq!(
                conflict.is_some(),
                is_refused,
                "{pinned:?} {token:?} {conflict:?}"
            );
        }
    }

    #[test]
    fn an_archive_that_knows_a_person_learns_the_team_from_their_next_token() {
        let token = account(Some("t1"), Some("u"));
        assert!(
            !pinned(None, Some("u")).is_of(&token),
            "they may have others"
        );
        let learned = pinned(None, Some("u")).pinned_to(&token);
        assert!(learned.is_of(&account(Some("t1"), Some("colleague"))));
        assert!(learned.conflict(&account(Some("t2"), Some("u"))).is_some());
        assert!(!pinned(None, None).is_of(&token));
    }
}
