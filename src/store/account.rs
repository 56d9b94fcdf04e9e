//! Whose history this is.
//!
//! Asking the API at every sync would cost a request each time. So the last token that was checked is remembered by a
//! fingerprint (a salted hash, shortened, from which the token cannot be found again), and only another token is
//! checked anew.

use rusqlite::{Connection, OptionalExtension, named_params};

use super::Store;
use super::error::{Error, Step};
use crate::time::Timestamp;

/// The account of an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArchivedAccount {
    /// Its uuid at DigitalOcean; absent while no token was allowed to read it.
    pub uuid: Option<String>,
    /// What fingerprints of tokens are salted with.
    pub token_salt: String,
    /// That of the last token that was checked.
    pub token_fingerprint: Option<String>,
    /// When that token was last refused the account's listing; absent when it never was.
    pub actions_refused_at: Option<Timestamp>,
}

/// The account of an archive that is open for reading, where a sync has noted one.
///
/// # Errors
/// When the archive cannot be read.
pub fn account(connection: &Connection) -> Result<Option<ArchivedAccount>, Error> {
    connection
        .query_row(
            "SELECT uuid, token_salt, token_fingerprint, actions_refused_at
               FROM account WHERE id = 1",
            [],
            |row| {
                let refused_at: Option<String> = row.get("actions_refused_at")?;
                Ok(ArchivedAccount {
                    uuid: row.get("uuid")?,
                    token_salt: row.get("token_salt")?,
                    token_fingerprint: row.get("token_fingerprint")?,
                    actions_refused_at: refused_at.and_then(|time| time.parse().ok()),
                })
            },
        )
        .optional()
        .step("cannot read whose archive this is")
}

impl Store {
    /// The account, where a sync has noted one.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub fn account(&self) -> Result<Option<ArchivedAccount>, Error> {
        account(&self.connection)
    }

    /// Notes the account.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn set_account(&mut self, account: &ArchivedAccount) -> Result<(), Error> {
        self.connection
            .execute(
                "INSERT INTO account (id, uuid, token_salt, token_fingerprint, actions_refused_at)
                 VALUES (1, :uuid, :token_salt, :token_fingerprint, :actions_refused_at)
                 ON CONFLICT (id) DO UPDATE
                    SET uuid = excluded.uuid, token_salt = excluded.token_salt,
                        token_fingerprint = excluded.token_fingerprint,
                        actions_refused_at = excluded.actions_refused_at",
                named_params! {
                    ":uuid": account.uuid,
                    ":token_salt": account.token_salt,
                    ":token_fingerprint": account.token_fingerprint,
                    ":actions_refused_at": account.actions_refused_at.map(|time| time.to_string()),
                },
            )
            .step("cannot note whose archive this is")?;
        Ok(())
    }
}
