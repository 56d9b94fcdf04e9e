//! The promise of a page plan when answers contradict one another: replicas that lag, caches that keep pages, actions
//! that are removed. Every action that any answer of the sync run proved to be listed is archived, or the verdict says
//! that it is not.

use std::collections::HashSet;

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// An API behind a load balancer and a cache.
struct Service {
    server: Server,
    /// The number of actions that each replica lags.
    lags: Vec<u64>,
    /// The number of requests that the cache answers for a page.
    cached_for: u32,
    cache: HashMap<u64, Cached>,
    removed: HashSet<ActionId>,
    /// The actions in the listings that this sync run's answers came from.
    shown: HashSet<ActionId>,
}

/// A cached page for `times` more answers, and the actions that were listed when it was made.
struct Cached {
    times: u32,
    shown: Shown,
    listed: Vec<ActionId>,
}

impl Service {
    fn answer(&mut self, page: u64, choice: u32) -> Shown {
        let lag = self.lags[choice as usize % self.lags.len()];
        let length = self.server.actions.len() as u64;
        let replica = Server {
            actions: self.server.actions[..(length.saturating_sub(lag)) as usize].to_vec(),
            is_oldest_first: false,
        };
        if self.cache.get(&page).is_none_or(|cached| cached.times == 0) {
            let cached = Cached {
                times: self.cached_for + 1,
                shown: replica.page(page),
                listed: replica.actions,
            };
            self.cache.insert(page, cached);
        }
        let cached = self.cache.get_mut(&page).expect("just now");
        cached.times -= 1;
        self.shown.extend(&cached.listed);
        cached.shown.clone()
    }

    fn remove(&mut self, choice: u32) {
        if !self.server.actions.is_empty() {
            let index = choice as usize % self.server.actions.len();
            self.removed.insert(self.server.actions.remove(index));
        }
    }

    fn calm(&mut self) {
        self.lags = vec![0];
        self.cached_for = 0;
        self.cache.clear();
    }
}

/// The conditions of one sync run.
struct Weather {
    concurrency: usize,
    full: bool,
    growth: u64,
    /// The number of the request before which an action is removed.
    removes_at: Option<u64>,
}

fn sync(
    service: &mut Service,
    archive: &mut Archive,
    choices: &mut dyn Iterator<Item = u32>,
    weather: &Weather,
) -> Verdict {
    let mut plan = PagePlan::new(archive.before.clone(), weather.full);
    let mut under_way: Vec<(u64, Shown)> = Vec::new();
    let mut requests = 0;
    service.shown.clear();
    loop {
        while under_way.len() < weather.concurrency {
            let Some(page) = plan.next_page() else { break };
            requests += 1;
            assert!(requests < 2_000, "a plan ends");
            let choice = choices.next().unwrap_or(0);
            if weather.removes_at == Some(requests) {
                service.remove(choice);
            }
            let next = service.server.actions.last().map_or(0, |id| id + 1);
            let new = u64::from(choice) % (weather.growth + 1);
            service
                .server
                .actions
                .extend((0..new).map(|number| next + number.cast_signed()));
            under_way.push((page, service.answer(page, choice >> 8)));
        }
        if under_way.is_empty() {
            return plan.verdict().cloned().expect("a verdict");
        }
        let choice = choices.next().unwrap_or(0);
        let answered = under_way.swap_remove(choice as usize % under_way.len());
        archive.record(&mut plan, answered);
    }
}

fn service(count: u64, lags: &[u64]) -> Service {
    Service {
        server: Server::with(count),
        lags: lags.to_vec(),
        cached_for: 0,
        cache: HashMap::new(),
        removed: HashSet::new(),
        shown: HashSet::new(),
    }
}

fn calm(full: bool) -> Weather {
    Weather {
        concurrency: 1,
        full,
        growth: 0,
        removes_at: None,
    }
}

#[test]
fn a_page_from_a_fresh_replica_and_others_from_one_that_lags_are_never_complete_with_a_hole() {
    for (full, lag) in [false, true]
        .into_iter()
        .flat_map(|full| [1, 2, 7, 150, 300].map(|lag| (full, lag)))
    {
        let (mut service, mut archive) = (service(1_000, &[0]), Archive::default());
        sync(
            &mut service,
            &mut archive,
            &mut std::iter::empty(),
            &calm(false),
        );
        service.server.grow(300);
        let mut plan = PagePlan::new(archive.before.clone(), full);
        while let Some(page) = plan.next_page() {
            service.lags = vec![if page == 1 { 0 } else { lag }];
            let answer = service.answer(page, 0);
            archive.record(&mut plan, (page, answer));
        }
        let is_whole = archive.ids.len() == 1_300;
        let is_complete = matches!(plan.verdict(), Some(Verdict::Complete { .. }));
        assert!(
            is_whole || !is_complete,
            "{full} {lag}: {:?}",
            plan.verdict()
        );
        service.calm();
        let verdict = sync(
            &mut service,
            &mut archive,
            &mut std::iter::empty(),
            &calm(false),
        );
        assert_eq!(verdict, Verdict::Complete { total: 1_300 });
        assert_eq!(archive.ids.len(), 1_300);
    }
}

#[test]
fn an_action_that_is_removed_during_a_walk_hides_no_other() {
    for removes_at in 1..6 {
        for choice in [0, 150, 399, 400, 650, 998] {
            let (mut service, mut archive) = (service(1_000, &[0]), Archive::default());
            let weather = Weather {
                removes_at: Some(removes_at),
                ..calm(true)
            };
            let mut choices = std::iter::repeat(choice);
            let verdict = sync(&mut service, &mut archive, &mut choices, &weather);
            let is_whole = service
                .server
                .actions
                .iter()
                .all(|id| archive.ids.contains(id));
            assert!(
                is_whole || matches!(verdict, Verdict::Incomplete { .. }),
                "{verdict:?}"
            );
            let next = sync(
                &mut service,
                &mut archive,
                &mut std::iter::empty(),
                &calm(false),
            );
            assert!(
                service
                    .server
                    .actions
                    .iter()
                    .all(|id| archive.ids.contains(id))
            );
            assert_eq!(
                next,
                Verdict::Complete { total: 999 },
                "{removes_at} {choice}"
            );
        }
    }
}

#[test]
fn a_removal_hides_nothing_at_the_border_of_what_was_read() {
    for new in [1, 150, 200, 201, 401, 600, 601] {
        let (mut service, mut archive) = (service(1_000, &[0]), Archive::default());
        let mut calm_sync = |service: &mut Service| {
            let choices = &mut std::iter::empty();
            sync(service, &mut archive, choices, &calm(false))
        };
        calm_sync(&mut service);
        service.remove(3);
        service.server.actions.extend(1_000..1_000 + new);
        let total = service.server.actions.len() as u64;
        let archived = total + 1;
        let reason = Inconsistency::Surplus { archived, total };
        assert_eq!(calm_sync(&mut service), Verdict::Incomplete { reason });
        assert_eq!(
            calm_sync(&mut service),
            Verdict::Complete { total },
            "{new}"
        );
        let is_there = |id: &ActionId| archive.ids.contains(id);
        assert!(service.server.actions.iter().all(is_there), "{new}");
    }
}

#[test]
fn a_removal_hides_nothing_from_the_sync_after_one_that_was_killed() {
    for new in [1, 150, 199, 200, 201, 400, 600, 601] {
        for killed_after in 1..5 {
            let (mut service, mut archive) = (service(1_000, &[0]), Archive::default());
            let calm_sync = |service: &mut Service, archive: &mut Archive| {
                sync(service, archive, &mut std::iter::empty(), &calm(false))
            };
            calm_sync(&mut service, &mut archive);
            service.remove(3);
            service.server.grow(new + 1);
            let mut killed = PagePlan::new(archive.before.clone(), false);
            for _ in 0..killed_after {
                let Some(page) = killed.next_page() else {
                    break;
                };
                let answer = service.answer(page, 0);
                archive.record(&mut killed, (page, answer));
            }
            calm_sync(&mut service, &mut archive);
            let is_there = |id: &ActionId| archive.ids.contains(id);
            let all = &service.server.actions;
            assert!(all.iter().all(is_there), "{new}, {killed_after}");
        }
    }
}

/// A kill left gaps. The total is the same afterwards, because as many actions arrived as were removed.
#[test]
fn a_removal_that_equals_an_arrival_hides_nothing_after_a_gap() {
    for (removed, many) in [(300, 1), (799, 1), (500, 2), (400, 200)] {
        let (mut service, mut archive) = (service(1_000, &[0]), Archive::default());
        let read = Interval {
            start: 200,
            end: 800,
        };
        archive.ids = (200..800).collect();
        archive.before.coverage.insert(read);
        archive.before.total = Some(1_000);
        (0..many).for_each(|_| service.remove(removed));
        service
            .server
            .actions
            .extend(2_000..2_000 + i64::from(many));
        let choices = &mut std::iter::empty();
        sync(&mut service, &mut archive, choices, &calm(false));
        let is_there = |id: &ActionId| archive.ids.contains(id);
        let all = &service.server.actions;
        assert!(all.iter().all(is_there), "{many} of {removed}");
    }
}

#[test]
fn a_removal_between_syncs_is_accepted_when_two_walks_agree_at_once_or_by_the_next_sync() {
    let (mut service, mut archive) = (service(1_000, &[0]), Archive::default());
    sync(
        &mut service,
        &mut archive,
        &mut std::iter::empty(),
        &calm(false),
    );
    service.remove(500);
    let verdict = sync(
        &mut service,
        &mut archive,
        &mut std::iter::empty(),
        &calm(false),
    );
    assert_eq!(verdict, Verdict::Complete { total: 999 });
    service.remove(998);
    let verdict = sync(
        &mut service,
        &mut archive,
        &mut std::iter::empty(),
        &calm(false),
    );
    let reason = Inconsistency::WithoutNewest {
        before: 999,
        now: 998,
    };
    assert_eq!(
        verdict,
        Verdict::Incomplete { reason },
        "it may be a replica that lags"
    );
    let verdict = sync(
        &mut service,
        &mut archive,
        &mut std::iter::empty(),
        &calm(false),
    );
    assert_eq!(verdict, Verdict::Complete { total: 998 });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, ..ProptestConfig::default() })]

    #[test]
    fn complete_means_that_all_that_was_shown_is_archived(
        count in 0_u64..1_800,
        lags in prop::collection::vec(prop_oneof![Just(0_u64), Just(1), Just(2), Just(7), Just(150), Just(300), 0_u64..500], 1..4),
        cached_for in 0_u32..4,
        growth in prop_oneof![Just(0_u64), Just(0), 0_u64..4, 0_u64..20],
        between in prop::collection::vec(0_u64..500, 1..5),
        removals in prop::collection::vec(prop::option::weighted(0.2, 1_u64..12), 5),
        fulls in prop::collection::vec(any::<bool>(), 5),
        concurrency in 1_usize..5,
        choices in prop::collection::vec(any::<u32>(), 0..400),
    ) {
        let (mut service, mut archive) = (service(count, &lags), Archive::default());
        service.cached_for = cached_for;
        let mut choices = choices.into_iter();
        for (sync_number, new) in between.into_iter().enumerate() {
            let began_with = service.server.actions.clone();
            let weather = Weather { concurrency, full: fulls[sync_number], growth, removes_at: removals[sync_number] };
            let verdict = sync(&mut service, &mut archive, &mut choices, &weather);
            // If as many actions arrive as are removed, the total stays the same and shows nothing. Only an audit finds
            // that.
            let is_plain = growth == 0 && cached_for == 0 && lags.len() == 1;
            let may_hide_a_removal = !service.removed.is_empty() && !is_plain;
            if matches!(verdict, Verdict::Complete { .. }) && !may_hide_a_removal {
                let shown = began_with.iter().filter(|id| service.shown.contains(id));
                let missing = shown.filter(|id| !archive.ids.contains(id) && !service.removed.contains(id));
                prop_assert_eq!(missing.count(), 0, "sync {}: {:?}", sync_number, verdict);
            }
            let next = service.server.actions.last().map_or(0, |id| id + 1);
            service.server.actions.extend((0..new).map(|number| next + number.cast_signed()));
        }
        service.calm();
        service.server.actions.push(service.server.actions.last().map_or(0, |id| id + 1));
        let is_audited = removals.iter().any(Option::is_some);
        let mut end = || sync(&mut service, &mut archive, &mut std::iter::empty(), &calm(is_audited));
        let mut verdict = end();
        if matches!(verdict, Verdict::Incomplete { reason: Inconsistency::Surplus { .. } }) {
            prop_assert!(is_audited, "nothing was removed");
            verdict = end();
        }
        prop_assert_eq!(verdict, Verdict::Complete { total: service.server.actions.len() as u64 });
        prop_assert!(service.server.actions.iter().all(|id| archive.ids.contains(id)));
    }
}
