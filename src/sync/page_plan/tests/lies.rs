//! Totals that are wrong once, while everything else fits.

use super::*;

/// The archive has more than its coverage, the first total is 200 too small, and the listing grows during the next
/// pages. Positions, rows and totals all fit, but no page has shown the positions 1731 and 1732.
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
    let mut plan = PagePlan::new(archive.before.clone(), false);
    // The next sync run reads the actions that arrived meanwhile.
    (plan.raises, plan.asked) = (cover::MOST_RAISES_BY_A_PAGE, 1_000);
    let mut server = Server::with(1_933);
    assert_eq!(plan.next_page(), Some(1));
    let (ids, _, has_next) = server.page(1);
    archive.record(&mut plan, (1, (ids, 1_733, has_next)));
    assert_eq!(plan.next_page(), Some(2));
    server.grow(3);
    while let Some(page) = plan.next_page() {
        archive.record(&mut plan, (page, server.page(page)));
        assert!(plan.verdict().is_none(), "a page is still under way");
    }
    server.grow(250);
    archive.record(&mut plan, (2, server.page(2)));
    assert!(matches!(
        plan.inconsistency(),
        Some(Inconsistency::Count { .. })
    ));
}

/// Each page claims to be the whole listing. The server gives at most `cap` rows per page, regardless of the request.
fn shown_by_page(server: &Server, page: u64, cap: u64) -> Shown {
    let skipped = ((page - 1) * cap).min(server.actions.len() as u64) as usize;
    let rows = server.actions.iter().rev().skip(skipped).take(cap as usize);
    let ids: Vec<_> = rows.copied().map(Some).collect();
    let total = ids.len() as u64;
    (ids, total, false)
}

#[test]
fn a_total_that_is_the_length_of_its_page_is_not_believed() {
    for cap in [20, 25, 50, 100, 200] {
        let mut archive = Archive::default();
        let mut plan = PagePlan::new(archive.before.clone(), false);
        let server = Server::with(1_000);
        while let Some(page) = plan.next_page() {
            archive.record(&mut plan, (page, shown_by_page(&server, page, cap)));
        }
        assert!(
            matches!(plan.verdict(), Some(Verdict::Incomplete { .. })),
            "{cap}"
        );
        assert_eq!(archive.ids.len(), 1_000, "{cap}");
    }
}

#[test]
fn a_walk_through_all_pages_does_not_take_a_short_first_page_for_the_listing() {
    for cap in [10, 20, 25, 50, 100, 200] {
        let mut archive = Archive::default();
        let mut plan = PagePlan::new(archive.before.clone(), true);
        let server = Server::with(1_000);
        while let Some(page) = plan.next_page() {
            archive.record(&mut plan, (page, shown_by_page(&server, page, cap)));
        }
        let verdict = plan.verdict();
        assert!(matches!(verdict, Some(Verdict::Incomplete { .. })), "{cap}");
    }
}

#[test]
fn a_listing_that_shows_the_newest_actions_only_is_not_complete_when_it_moves_on() {
    let mut archive = Archive::default();
    let mut server = Server::with(1_000);
    let mut read = |server: &Server| {
        let mut plan = PagePlan::new(archive.before.clone(), false);
        while let Some(page) = plan.next_page() {
            archive.record(&mut plan, (page, server.page(page)));
        }
        plan.verdict().cloned()
    };
    assert_eq!(read(&server), Some(Verdict::Complete { total: 1_000 }));
    server.grow(5);
    server.actions.drain(..5);
    let (archived, total) = (1_005, 1_000);
    let reason = Inconsistency::Surplus { archived, total };
    assert_eq!(read(&server), Some(Verdict::Incomplete { reason }));
    assert_eq!(
        read(&server),
        Some(Verdict::Complete { total: 1_000 }),
        "nothing is new"
    );
}
