//! The way from a body to a page for whoever has bodies: the client, and what measures or tests the decoding alone.
//!
//! A reader remembers the regions it met, since one page after the other repeats them: it is worth keeping for as
//! long as pages come.

use super::region::Regions;
use super::{BodyError, Page};
use crate::core::model::Action;

/// Reads pages of actions out of the bodies of answers.
///
/// ```
/// let mut reader = archiver::api::PageReader::new();
/// let page = reader.actions(br#"{"actions": [{"id": 36804636, "type": "create"}], "meta": {"total": 1}}"#)?;
/// assert_eq!(page.total, Some(1));
/// assert_eq!(page.rows[0].as_ref().unwrap().kind.as_deref(), Some("create"));
/// # Ok::<(), archiver::api::BodyError>(())
/// ```
#[derive(Default)]
pub struct PageReader {
    regions: Regions,
}

impl PageReader {
    /// A reader that has met no region yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The page that the body of an answer of `/v2/actions` or `/v2/droplets/{id}/actions` is.
    ///
    /// # Errors
    /// When the body is not whole JSON with a list of `actions` in it: half a page is no page. A row that cannot be
    /// archived is no error; it is among the page's rows.
    pub fn actions(&mut self, body: &[u8]) -> Result<Page<Action>, BodyError> {
        super::actions(body, &mut self.regions)
    }

    /// The action that the body of an answer to a request for one action holds.
    pub(in crate::api) fn action(&mut self, body: &[u8]) -> Result<Action, BodyError> {
        super::action(body, &mut self.regions)
    }
}
