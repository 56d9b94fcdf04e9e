//! Finds the existing droplets, and those with the tags of the scope.
//!
//! The list of all droplets shows the tags of each droplet, so one reading serves any number of tags. If the list shows
//! no tag at all, the token may lack the scope `tag:read`. Then the API is asked for each tag.

use std::collections::BTreeSet;

use super::droplet_list::DropletList;
use super::report::{Event, UnknownTag};
use super::session::Session;
use crate::api::{self, DropletSelection};
use crate::archive;
use crate::core::model::DropletId;

/// The most readings of a list with an inconsistency: it may have shifted while it was read.
const MOST_READINGS: u32 = 3;

/// The droplets that have any of these tags now.
pub(super) async fn with_tags(
    session: &mut Session<'_>,
    tags: &BTreeSet<String>,
) -> Result<Vec<DropletId>, archive::Error> {
    let mut tagged = Vec::new();
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut listed = Vec::new();
    for selection in [DropletSelection::AllButGpus, DropletSelection::Gpus] {
        let Some(list) = list_whole(session, selection, tags.iter()).await? else {
            return Ok(tagged);
        };
        seen.extend(list.tags().map(str::to_owned));
        listed.extend(list.ids());
        for (id, tag) in list.tagged_with(tags) {
            tagged.push(id);
            found.insert(tag.to_owned());
        }
        if selection == DropletSelection::AllButGpus {
            session.droplet_list = Some(list);
        }
    }
    // Droplets that had the tag but are no longer listed also count, until it is proven that they are gone.
    tagged.extend(session.store.unlisted_with_tags(&listed, tags)?);
    for tag in tags.difference(&found) {
        if seen.is_empty() {
            let selection = DropletSelection::Tagged(tag);
            let Some(list) = list_whole(session, selection, [tag].into_iter()).await? else {
                return Ok(tagged);
            };
            tagged.extend(list.ids());
            if !list.ids().is_empty() {
                continue;
            }
        }
        note_without_droplets(session, tag, &seen)?;
    }
    Ok(tagged)
}

/// Records a tag that no droplet has now. It is a slip, unless a droplet had it before.
fn note_without_droplets(
    session: &mut Session<'_>,
    tag: &str,
    seen: &BTreeSet<String>,
) -> Result<(), archive::Error> {
    if session.store.had_droplets(tag)? {
        let text = format!("no droplet has the tag `{tag}`");
        session.observer.observe(&Event::Warning { text: &text });
        return Ok(());
    }
    let known = seen | &session.store.tags()?;
    session
        .report
        .unknown_tags
        .push(UnknownTag::new(tag, &known));
    Ok(())
}

/// Reads a list for these tags until it has no inconsistency. An inconsistency that stays makes the sync run partial.
/// Returns `None` when the list cannot be read.
async fn list_whole(
    session: &mut Session<'_>,
    selection: DropletSelection<'_>,
    tags: impl ExactSizeIterator<Item = &String>,
) -> Result<Option<DropletList>, archive::Error> {
    let subject = format!("finding the droplets with the {}", in_words(tags));
    let mut readings = 0;
    loop {
        let list = match list(session, selection, u64::MAX).await? {
            Ok(list) => list,
            Err(error) => {
                session.note_failure(subject, error);
                return Ok(None);
            }
        };
        session.answered();
        readings += 1;
        match list.contradiction() {
            Some(_) if readings < MOST_READINGS => continue,
            Some(words) => {
                let error = api::Error::of_an_incomplete_list(&words);
                session.report.failures.push((subject, error));
            }
            None => {}
        }
        return Ok(Some(list));
    }
}

/// The tags as a phrase, the first five of them by name.
fn in_words<'a>(tags: impl ExactSizeIterator<Item = &'a String>) -> String {
    const MOST: usize = 5;
    let count = tags.len();
    let named: Vec<String> = tags.take(MOST).map(|tag| format!("`{tag}`")).collect();
    let named = named.join(", ");
    match count {
        0..=1 => format!("tag {named}"),
        2..=MOST => format!("tags {named}"),
        _ => format!("tags {named} and {} more", count - MOST),
    }
}

/// Reads a list of droplets, and archives each page as it arrives, because the data of droplets may be long.
pub(super) async fn list(
    session: &mut Session<'_>,
    selection: DropletSelection<'_>,
    most_pages: u64,
) -> Result<Result<DropletList, api::Error>, archive::Error> {
    let mut list = DropletList::default();
    while let Some(number) = list.next_page().filter(|number| *number <= most_pages) {
        let page = match session.client.droplets(selection, number).await {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        session.has_lists = true;
        let droplets = list.take(page);
        let now = (session.settings.clock)();
        session.store.record_droplets(&droplets, now)?;
    }
    Ok(Ok(list))
}
