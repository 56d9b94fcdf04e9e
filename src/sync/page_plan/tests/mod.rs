//! The promise of a page plan, tested with a model of the API and of the archive: either everything that the listing
//! had at the beginning is archived, or the verdict says that it is not. The tests add growth, answers that overtake
//! one another, lost answers and kills.

mod following;
mod lies;
mod replicas;

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

/// The content of a page: ids, the total, and true when it links to a further page.
pub(super) type Shown = (Vec<Option<ActionId>>, u64, bool);

/// A listing at the API: ids from the oldest to the newest.
#[derive(Clone, Default)]
pub(super) struct Server {
    pub(super) actions: Vec<ActionId>,
    pub(super) is_oldest_first: bool,
}

impl Server {
    pub(super) fn with(count: u64) -> Self {
        Self {
            actions: (0..count.cast_signed()).collect(),
            is_oldest_first: false,
        }
    }

    pub(super) fn grow(&mut self, count: u64) {
        let next = self.actions.len().cast_signed();
        self.actions
            .extend((0..count.cast_signed()).map(|number| next as i64 + number));
    }

    pub(super) fn page(&self, page: u64) -> Shown {
        let total = self.actions.len();
        let skipped = usize::try_from((page - 1) * PER_PAGE).unwrap();
        let row = |index: usize| {
            if self.is_oldest_first {
                self.actions[index]
            } else {
                self.actions[total - 1 - index]
            }
        };
        let last = (skipped + PER_PAGE as usize).min(total);
        (
            (skipped..last).map(|index| Some(row(index))).collect(),
            total as u64,
            last < total,
        )
    }
}

/// The archive: rows, and the state of the listing as the store keeps it.
#[derive(Clone, Default)]
pub(super) struct Archive {
    pub(super) ids: HashSet<ActionId>,
    pub(super) before: Before,
}

pub(super) type AnsweredPage = (u64, Shown);

impl Archive {
    /// Archives an answer in one transaction, as the engine does.
    pub(super) fn record(
        &mut self,
        plan: &mut PagePlan,
        (page, (ids, total, has_next)): AnsweredPage,
    ) {
        let answer = Answer {
            page,
            ids: &ids,
            total: Some(total),
            has_next,
        };
        let placement = plan.place(&answer);
        let mut recorded = Recorded::default();
        for (id, expected) in ids.iter().zip(&placement.expected) {
            let is_new = id.is_some_and(|id| self.ids.insert(id));
            recorded.inserted += u64::from(is_new);
            recorded.unexpected += u64::from(is_new && *expected);
        }
        if recorded.unexpected > 0 {
            self.before.coverage = Coverage::new();
        } else {
            placement
                .covers
                .iter()
                .for_each(|interval| self.before.coverage.insert(*interval));
        }
        self.before.total = placement.total.max(self.before.total);
        plan.archived(&answer, &placement, recorded);
        if plan.wants_count() {
            let up_to = plan.count_up_to().unwrap_or(ActionId::MAX);
            let counted = self.ids.iter().filter(|id| **id <= up_to);
            plan.counted(counted.count() as u64);
        }
        if plan.wants_comparison() {
            let archived = self.ids.len() as u64;
            plan.compared(archived, self.ids.iter().copied().max());
        }
        if let Some(total) = plan.settles_for() {
            self.before.total = Some(total);
        }
        if plan.inconsistency().is_some() {
            self.before.coverage = Coverage::new();
        }
        if let Some(Verdict::Complete { total }) = plan.verdict() {
            self.before.coverage.insert(Interval {
                start: 0,
                end: *total,
            });
            self.before.complete_total = Some(*total);
            self.before.total = Some(*total);
        }
    }
}

/// One sync run. Answers are made at the request, and arrive in the order of `choices`. Returns `None` after a kill.
fn sync(
    server: &mut Server,
    archive: &mut Archive,
    choices: &mut dyn Iterator<Item = u32>,
    settings: &Settings,
) -> (Option<Verdict>, u64) {
    let mut plan = PagePlan::new(archive.before.clone(), false);
    let mut under_way: Vec<AnsweredPage> = Vec::new();
    let mut requests = 0;
    loop {
        while under_way.len() < settings.concurrency {
            let Some(page) = plan.next_page() else { break };
            requests += 1;
            assert!(requests < 2_000, "a plan ends");
            let choice = choices.next().unwrap_or(0);
            server.grow(u64::from(choice) % (settings.growth + 1));
            under_way.push((page, server.page(page)));
        }
        if under_way.is_empty() {
            return (plan.verdict().cloned(), requests);
        }
        let choice = choices.next().unwrap_or(0);
        if settings.kill_one_in > 0 && choice % settings.kill_one_in == 1 {
            return (None, requests);
        }
        let answered = under_way.swap_remove(choice as usize % under_way.len());
        archive.record(&mut plan, answered);
    }
}

struct Settings {
    concurrency: usize,
    growth: u64,
    kill_one_in: u32,
}

const CALM: Settings = Settings {
    concurrency: 4,
    growth: 0,
    kill_one_in: 0,
};

fn calm_sync(server: &mut Server, archive: &mut Archive) -> (Option<Verdict>, u64) {
    sync(server, archive, &mut std::iter::empty(), &CALM)
}

#[test]
fn a_first_walk_asks_for_each_page_once_and_the_next_for_one() {
    for count in [0, 1, 199, 200, 201, 1_000, 4_321] {
        let (mut server, mut archive) = (Server::with(count), Archive::default());
        // A full last page may not be the last one.
        let is_full = count > 0 && count % PER_PAGE == 0;
        let pages = count.div_ceil(PER_PAGE).max(1) + u64::from(is_full);
        assert_eq!(
            calm_sync(&mut server, &mut archive),
            (Some(Verdict::Complete { total: count }), pages)
        );
        assert_eq!(archive.ids.len() as u64, count);
        assert_eq!(
            calm_sync(&mut server, &mut archive),
            (Some(Verdict::Complete { total: count }), 1)
        );
        server.grow(151);
        assert_eq!(calm_sync(&mut server, &mut archive).1, 1);
        server.grow(449);
        assert_eq!(calm_sync(&mut server, &mut archive).1, 3);
        assert_eq!(archive.ids.len() as u64, count + 600);
    }
}

#[test]
fn an_interrupted_walk_goes_on_where_it_stopped() {
    let (mut server, mut archive) = (Server::with(10_000), Archive::default());
    let mut third = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1].into_iter();
    let settings = Settings {
        concurrency: 1,
        growth: 0,
        kill_one_in: 2,
    };
    let (verdict, asked) = sync(&mut server, &mut archive, &mut third, &settings);
    assert_eq!(verdict, None);
    let read = archive.ids.len() as u64 / PER_PAGE;
    assert!(read > 0 && read < 50, "{asked} asked, {read} read");
    let (verdict, requests) = calm_sync(&mut server, &mut archive);
    assert_eq!(verdict, Some(Verdict::Complete { total: 10_000 }));
    assert!(requests <= 50 - read + 2, "{requests}");
}

#[test]
fn a_listing_in_another_order_is_walked_and_never_trusted_blindly() {
    let (mut server, mut archive) = (Server::with(1_000), Archive::default());
    server.is_oldest_first = true;
    calm_sync(&mut server, &mut archive);
    server.grow(5);
    assert_eq!(
        calm_sync(&mut server, &mut archive).0,
        Some(Verdict::Complete { total: 1_005 })
    );
    assert_eq!(archive.ids.len(), 1_005);
}

/// Reads a listing with altered answers, and returns the verdict.
fn altered(count: u64, alter: impl Fn(u64, u64, &mut Shown)) -> (Verdict, Archive, u64) {
    let (server, mut archive) = (Server::with(count), Archive::default());
    let mut plan = PagePlan::new(Before::default(), false);
    let mut requests = 0;
    while let Some(page) = plan.next_page() {
        requests += 1;
        assert!(requests < 200, "a plan ends");
        let mut answer = server.page(page);
        alter(requests, page, &mut answer);
        archive.record(&mut plan, (page, answer));
    }
    (
        plan.verdict().cloned().expect("a verdict"),
        archive,
        requests,
    )
}

#[test]
fn what_was_wrong_once_is_walked_again_and_complete() {
    type Alter = fn(u64, u64, &mut Shown);
    let faults: [(&str, Alter); 5] = [
        ("short", |request, _, answer| {
            if request == 2 {
                answer.0.truncate(150);
            }
        }),
        ("repeated", |request, _, answer| {
            if request == 2 {
                answer.0[1] = answer.0[0];
            }
        }),
        ("jump up", |request, _, answer| {
            if request == 2 {
                answer.1 = 1_000_000;
            }
        }),
        ("jump down", |request, _, answer| {
            if request == 2 {
                answer.1 = 10;
            }
        }),
        ("first page jumps", |request, _, answer| {
            if request == 1 {
                answer.1 += 7;
            }
        }),
    ];
    for (name, alter) in faults {
        let (verdict, archive, _) = altered(900, alter);
        assert_eq!(verdict, Verdict::Complete { total: 900 }, "{name}");
        assert_eq!(archive.ids.len(), 900, "{name}");
    }
}

#[test]
fn what_stays_wrong_is_said_and_everything_shown_is_kept() {
    type Alter = fn(u64, u64, &mut Shown);
    let faults: [(&str, Alter, usize); 6] = [
        ("total too large", |_, _, answer| answer.1 += 3, 900),
        ("total too small", |_, _, answer| answer.1 -= 3, 900),
        (
            "a page always short",
            |_, page, answer| {
                if page == 3 {
                    answer.0.truncate(150);
                }
            },
            850,
        ),
        (
            "a page always repeats",
            |_, page, answer| {
                if page == 3 {
                    answer.0[1] = answer.0[0];
                }
            },
            899,
        ),
        (
            "a row without an id",
            |_, page, answer| {
                if page == 3 {
                    answer.0[7] = None;
                }
            },
            899,
        ),
        (
            "always the first page",
            |_, _, answer| *answer = Server::with(900).page(1),
            200,
        ),
    ];
    for (name, alter, archived) in faults {
        let (verdict, archive, requests) = altered(900, alter);
        assert!(
            matches!(verdict, Verdict::Incomplete { .. }),
            "{name}: {verdict:?}"
        );
        assert_eq!(archive.ids.len(), archived, "{name}");
        assert!(requests < 30, "{name}: {requests}");
    }
}

#[test]
fn a_server_that_gives_smaller_pages_than_asked_for_is_read_to_its_end() {
    let (verdict, archive, _) = altered(450, |_, page, answer| {
        let server = Server::with(450);
        let skipped = usize::try_from(page - 1).unwrap() * 100;
        let rows =
            (skipped..(skipped + 100).min(450)).map(|index| Some(server.actions[449 - index]));
        *answer = (rows.collect(), 450, skipped + 100 < 450);
    });
    assert_eq!(
        (verdict, archive.ids.len()),
        (Verdict::Complete { total: 450 }, 450)
    );
}

#[test]
fn growth_that_outruns_pages_under_way_at_once_does_not_outrun_a_single_one() {
    let (mut server, mut archive) = (Server::with(3_000), Archive::default());
    let settings = Settings {
        concurrency: 5,
        growth: 90,
        kill_one_in: 0,
    };
    let mut always_most = std::iter::repeat(90);
    let (verdict, requests) = sync(&mut server, &mut archive, &mut always_most, &settings);
    assert!(
        matches!(verdict, Some(Verdict::Complete { .. })),
        "{verdict:?}"
    );
    // The read of 3,000 actions takes 33 requests. As many new actions arrive meanwhile, and the target is raised for
    // them.
    assert!(requests < 80, "{requests}");
}

#[test]
fn links_that_lead_on_to_nothing_new_do_no_harm() {
    let (verdict, archive, requests) = altered(1, |_, _, answer| {
        *answer = Server::with(1).page(1);
        answer.2 = true;
    });
    assert_eq!(verdict, Verdict::Complete { total: 1 });
    assert_eq!((archive.ids.len(), requests), (1, 5));
}

#[test]
fn a_total_that_hides_further_pages_is_not_believed() {
    let (verdict, archive, _) = altered(900, |_, _, answer| answer.1 = 400);
    assert!(matches!(verdict, Verdict::Incomplete { .. }), "{verdict:?}");
    assert_eq!(archive.ids.len(), 900);
}

#[test]
fn a_listing_that_outgrows_its_reader_is_given_up_in_words() {
    let (mut server, mut archive) = (Server::with(1_000), Archive::default());
    let settings = Settings {
        growth: 250,
        ..CALM
    };
    let mut always_most = std::iter::repeat(250);
    let (verdict, requests) = sync(&mut server, &mut archive, &mut always_most, &settings);
    assert!(
        matches!(
            verdict,
            Some(Verdict::Incomplete {
                reason: Inconsistency::Outgrown { .. }
            })
        ),
        "{verdict:?}"
    );
    assert!(requests < 60, "{requests}");
}

#[test]
fn a_total_that_is_the_number_of_rows_on_the_page_is_not_the_end() {
    for count in [400, 900, 1_000] {
        let (verdict, archive, _) = altered(count, |_, _, answer| {
            answer.1 = answer.0.len() as u64;
            answer.2 = false;
        });
        assert!(matches!(verdict, Verdict::Incomplete { .. }), "{verdict:?}");
        assert_eq!(archive.ids.len() as u64, count);
    }
}

#[test]
fn nonsense_ends_soon() {
    let (verdict, _, requests) = altered(0, |request, _, answer| {
        *answer = (vec![Some(request.cast_signed() * 7)], 48_392_811, true);
    });
    assert!(matches!(verdict, Verdict::Incomplete { .. }));
    assert!(requests < 10, "{requests}");
}

#[test]
fn a_full_scan_of_a_listing_that_grows_by_most_of_a_page_ends() {
    for growth in [100, 150, 190] {
        let (mut server, mut archive) = (Server::with(2_000), Archive::default());
        let mut plan = PagePlan::new(archive.before.clone(), true);
        let mut requests = 0;
        while let Some(page) = plan.next_page() {
            archive.record(&mut plan, (page, server.page(page)));
            server.grow(growth);
            requests += 1;
            assert!(requests < 600, "{growth}");
        }
        assert!(plan.verdict().is_some(), "{growth}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn complete_means_complete(
        count in 0_u64..3_000,
        growth in 0_u64..260,
        concurrency in 1_usize..6,
        kill_one_in in 0_u32..12,
        syncs in 1_usize..5,
        choices in prop::collection::vec(any::<u32>(), 0..400),
    ) {
        let (mut server, mut archive) = (Server::with(count), Archive::default());
        let mut choices = choices.into_iter();
        let settings = Settings { concurrency, growth, kill_one_in };
        for _ in 0..syncs {
            let began_with: HashSet<_> = server.actions.iter().copied().collect();
            let (verdict, _) = sync(&mut server, &mut archive, &mut choices, &settings);
            if let Some(Verdict::Complete { .. }) = verdict {
                prop_assert!(archive.ids.is_superset(&began_with));
            }
            let positions = archive.before.coverage.intervals().iter().flat_map(|covered| covered.start..covered.end);
            for position in positions {
                let id = server.actions[usize::try_from(position).unwrap()];
                prop_assert!(archive.ids.contains(&id), "{} is covered but not archived", position);
            }
        }
        let (verdict, requests) = calm_sync(&mut server, &mut archive);
        let total = server.actions.len() as u64;
        prop_assert_eq!(verdict, Some(Verdict::Complete { total }));
        prop_assert_eq!(archive.ids.len() as u64, total);
        prop_assert!(requests <= total.div_ceil(PER_PAGE) + 2);
    }
}
