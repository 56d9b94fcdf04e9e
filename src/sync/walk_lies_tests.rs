//! Totals that are wrong once, told so that everything else fits.

use super::tests::{Archive, Server};
use super::*;

/// The archive has more than its coverage says, the first answer says 200 too few, and the listing grows under the pages
/// after it: positions, rows and totals all fit, and yet nobody has shown the positions 1731 and 1732.
#[test]
fn what_an_earlier_sync_left_does_not_make_up_for_what_was_not_shown() {
    let covered = Interval {
        start: 0,
        end: 1_011,
    };
    let mut archive = Archive {
        ids: (0..1_731).collect(),
        before: Before {
            total: Some(covered.end),
            complete_total: Some(covered.end),
            ..Before::default()
        },
    };
    archive.before.coverage.insert(covered);
    let mut walk = Walk::new(archive.before.clone(), false);
    // What arrived meanwhile is left to the next sync.
    (walk.raises, walk.asked) = (MOST_RAISES_BY_A_PAGE, 1_000);
    let mut server = Server::with(1_933);
    assert_eq!(walk.next_page(), Some(1));
    let (ids, _, has_next) = server.page(1);
    archive.record(&mut walk, (1, (ids, 1_733, has_next)));
    assert_eq!(walk.next_page(), Some(2));
    server.grow(3);
    while let Some(page) = walk.next_page() {
        archive.record(&mut walk, (page, server.page(page)));
        assert!(walk.verdict().is_none(), "a page is still under way");
    }
    server.grow(250);
    archive.record(&mut walk, (2, server.page(2)));
    assert!(matches!(walk.doubt(), Some(Doubt::Count { .. })));
}
