//! The promise of following: every action of the kept droplets that the account's listing had at the beginning is
//! archived, or the verdict says that it is not. The tests add growth, answers that overtake one another and kills.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

/// Every third action belongs to a kept droplet.
fn is_kept(id: ActionId) -> bool {
    id % 3 == 0
}

/// The kept rows and the state of the listing, as the store keeps them.
struct Archive {
    ids: HashSet<ActionId>,
    before: Before,
    from: u64,
    head_id: Option<ActionId>,
}

impl Archive {
    /// Everything listed so far is archived, from the droplets' own listings.
    fn of(server: &Server) -> Self {
        let ids = server
            .actions
            .iter()
            .copied()
            .filter(|id| is_kept(*id))
            .collect();
        Self {
            ids,
            before: Before::default(),
            from: server.actions.len() as u64,
            head_id: server.actions.iter().copied().max(),
        }
    }

    fn record(
        &mut self,
        plan: &mut PagePlan,
        page: u64,
        (ids, total, has_next): &super::tests::Shown,
    ) {
        let answer = Answer {
            page,
            ids,
            total: Some(*total),
            has_next: *has_next,
        };
        let placement = plan.place(&answer);
        let mut recorded = Recorded::default();
        for (id, covered) in ids.iter().zip(&placement.expected) {
            let is_new = id.is_some_and(|id| is_kept(id) && self.ids.insert(id));
            recorded.inserted += u64::from(is_new);
            recorded.unexpected += u64::from(is_new && *covered);
        }
        if recorded.unexpected > 0 {
            self.before.coverage = Coverage::new();
        } else {
            placement
                .covers
                .iter()
                .for_each(|covered| self.before.coverage.insert(*covered));
        }
        self.before.total = placement.total.max(self.before.total);
        plan.archived(&answer, &placement, recorded);
        if plan.inconsistency().is_some() {
            self.before.coverage = Coverage::new();
        }
        if let Some(Verdict::Complete { total }) = plan.verdict() {
            self.from = *total;
            self.head_id = plan.head_id();
        }
    }
}

/// One sync run. Returns `None` after a kill.
fn sync(
    server: &mut Server,
    archive: &mut Archive,
    choices: &mut dyn Iterator<Item = u32>,
    (concurrency, growth, kill_one_in): (usize, u64, u32),
) -> (Option<Verdict>, u64) {
    let mut before = archive.before.clone();
    before.total = before.total.max(Some(archive.from));
    let mut plan = PagePlan::following(before, archive.from, archive.head_id);
    let mut under_way = Vec::new();
    let mut requests = 0;
    loop {
        while under_way.len() < concurrency {
            let Some(page) = plan.next_page() else { break };
            requests += 1;
            assert!(requests < 2_000, "a plan ends");
            server.grow(u64::from(choices.next().unwrap_or(0)) % (growth + 1));
            under_way.push((page, server.page(page)));
        }
        if under_way.is_empty() {
            return (plan.verdict().cloned(), requests);
        }
        let choice = choices.next().unwrap_or(0);
        if kill_one_in > 0 && choice % kill_one_in == 1 {
            return (None, requests);
        }
        let (page, shown) = under_way.swap_remove(choice as usize % under_way.len());
        archive.record(&mut plan, page, &shown);
    }
}

const CALM: (usize, u64, u32) = (4, 0, 0);

#[test]
fn nothing_new_costs_one_request_and_what_is_new_its_pages_and_a_look_at_what_is_old() {
    let mut server = Server::with(5_000);
    let mut archive = Archive::of(&server);
    for (growth, expected) in [(0, 1), (150, 1), (200, 2), (201, 2), (1_000, 6), (0, 1)] {
        server.grow(growth);
        let (verdict, requests) = sync(&mut server, &mut archive, &mut std::iter::empty(), CALM);
        let total = server.actions.len() as u64;
        assert_eq!(
            (verdict, requests),
            (Some(Verdict::Complete { total }), expected),
            "{growth} new"
        );
    }
}

#[test]
fn a_page_that_hides_rows_behind_others_is_not_believed() {
    let mut server = Server::with(1_000);
    let mut archive = Archive::of(&server);
    server.grow(400);
    let mut plan = PagePlan::following(archive.before.clone(), archive.from, archive.head_id);
    while let Some(page) = plan.next_page() {
        let mut shown = server.page(page);
        if page == 2 {
            // Page 2 repeats the rows of page 1 instead of its new rows.
            shown.0 = server.page(1).0;
        }
        archive.record(&mut plan, page, &shown);
    }
    assert!(
        matches!(plan.verdict(), Some(Verdict::Incomplete { .. })),
        "{:?}",
        plan.verdict()
    );
    assert!(archive.before.coverage.is_empty());
}

#[test]
fn a_listing_in_another_order_is_not_followed() {
    let mut server = Server::with(1_000);
    let mut archive = Archive::of(&server);
    server.is_oldest_first = true;
    server.grow(5);
    let (verdict, requests) = sync(&mut server, &mut archive, &mut std::iter::empty(), CALM);
    assert!(
        matches!(
            verdict,
            Some(Verdict::Incomplete {
                reason: Inconsistency::Order { page: 1 }
            })
        ),
        "{verdict:?}"
    );
    assert_eq!(requests, 1);
}

#[test]
fn a_listing_that_shrank_is_not_followed() {
    let mut server = Server::with(1_000);
    let mut archive = Archive::of(&server);
    server.actions.truncate(900);
    let (verdict, _) = sync(&mut server, &mut archive, &mut std::iter::empty(), CALM);
    assert!(
        matches!(
            verdict,
            Some(Verdict::Incomplete {
                reason: Inconsistency::Shrunk { .. }
            })
        ),
        "{verdict:?}"
    );
}

#[test]
fn an_action_that_appears_among_the_old_ones_is_noticed() {
    let mut server = Server::with(1_000);
    server.actions.retain(|id| *id != 900);
    let mut archive = Archive::of(&server);
    server.actions.insert(900, 900);
    let (verdict, _) = sync(&mut server, &mut archive, &mut std::iter::empty(), CALM);
    assert!(
        matches!(verdict, Some(Verdict::Incomplete { .. })),
        "{verdict:?}"
    );
}

#[test]
fn a_total_that_was_too_large_when_a_sync_ended_leaves_no_hole() {
    for (too_large, new) in [(200, 250), (200, 400), (7, 30), (400, 1_000)] {
        let mut server = Server::with(1_000);
        let mut archive = Archive::of(&server);
        archive.from += too_large;
        server.grow(new);
        let (verdict, _) = sync(&mut server, &mut archive, &mut std::iter::empty(), CALM);
        assert!(
            matches!(verdict, Some(Verdict::Incomplete { .. })),
            "{too_large}: {verdict:?}"
        );
    }
}

#[test]
fn what_was_read_beyond_a_gap_does_not_make_the_gap_look_old() {
    let mut server = Server::with(0);
    let mut archive = Archive::of(&server);
    server.grow(600);
    let mut plan = PagePlan::following(archive.before.clone(), archive.from, archive.head_id);
    // The next sync run reads the actions that arrived meanwhile.
    (plan.raises, plan.asked) = (cover::MOST_RAISES_BY_A_PAGE, 1_000);
    for (page, growth) in [(1, 0), (2, 500), (4, 0), (5, 0), (6, 0)] {
        server.grow(growth);
        assert_eq!(plan.next_page(), Some(page));
        archive.record(&mut plan, page, &server.page(page));
    }
    assert_eq!(plan.verdict(), Some(&Verdict::Complete { total: 600 }));
    assert_eq!(archive.head_id, Some(599));
    let (verdict, _) = sync(&mut server, &mut archive, &mut std::iter::empty(), CALM);
    assert_eq!(verdict, Some(Verdict::Complete { total: 1_100 }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn complete_means_complete(
        count in 0_u64..1_500,
        growth in 0_u64..150,
        concurrency in 1_usize..6,
        kill_one_in in 0_u32..12,
        grown in prop::collection::vec(0_u64..900, 1..5),
        choices in prop::collection::vec(any::<u32>(), 0..200),
    ) {
        let mut server = Server::with(count);
        let mut archive = Archive::of(&server);
        let mut choices = choices.into_iter();
        for more in grown {
            server.grow(more);
            let began_with: Vec<_> = server.actions.iter().copied().filter(|id| is_kept(*id)).collect();
            let disturbance = (concurrency, growth, kill_one_in);
            let (verdict, _) = sync(&mut server, &mut archive, &mut choices, disturbance);
            if let Some(Verdict::Complete { .. }) = verdict {
                prop_assert!(began_with.iter().all(|id| archive.ids.contains(id)));
            }
        }
        let (verdict, _) = sync(&mut server, &mut archive, &mut std::iter::empty(), CALM);
        prop_assert_eq!(verdict, Some(Verdict::Complete { total: server.actions.len() as u64 }));
        prop_assert!(server.actions.iter().filter(|id| is_kept(**id)).all(|id| archive.ids.contains(id)));
        prop_assert!(archive.ids.iter().all(|id| is_kept(*id)));
    }
}

#[test]
fn the_end_of_what_was_read_since_droplets_are_followed_is_looked_at_again() {
    let mut before = Before {
        total: Some(905),
        ..Before::default()
    };
    let (start, end) = (0, 905);
    before.coverage.insert(Interval { start, end });
    let mut plan = PagePlan::following(before, 565, Some(904));
    assert_eq!(plan.next_page(), Some(1));
    // 203 actions are new, and three were removed. So the oldest three of the new ones are at covered positions.
    let ids: Vec<_> = (908..1_108).rev().map(Some).collect();
    let answer = Answer {
        page: 1,
        ids: &ids,
        total: Some(1_105),
        has_next: true,
    };
    let placement = plan.place(&answer);
    plan.archived(&answer, &placement, Recorded::default());
    assert!(plan.verdict().is_none());
    assert_eq!(plan.next_page(), Some(2));
}
