//! First syncs, syncs without new actions, and syncs with new actions.

use super::{Watched, first_pages, pages, sync_account};
use crate::account::{account, settled};
use crate::asked::costs_at_most;
use crate::cloud::{Cloud, Options};
use crate::sandbox::Sandbox;

#[test]
fn the_first_sync_of_an_account_costs_its_pages_and_two() {
    for (droplets, actions) in [(1, 30), (3, 200), (3, 201), (40, 3_000), (500, 2_500)] {
        let cloud = Cloud::start(account(droplets, actions)).unwrap();
        sync_account(&Sandbox::new(), &cloud);
        let most = first_pages(actions) + 2;
        costs_at_most(&cloud, most, &format!("{actions} actions"));
    }
}

#[test]
fn the_first_sync_of_droplets_costs_their_pages_and_three() {
    for (watched, droplets, actions) in [(1, 1, 30), (1, 5, 2_500), (7, 9, 4_000), (30, 500, 4_000)]
    {
        let watched = Watched::new(watched, account(droplets, actions));
        let lengths = watched.ids.iter().map(|id| watched.cloud.actions_of(*id));
        let own: usize = lengths.map(|actions| first_pages(actions.len())).sum();
        watched.sync();
        costs_at_most(&watched.cloud, own + 3, "first");
        watched.is_exact();
    }
}

#[test]
fn nothing_new_in_an_account_costs_one_and_one_for_every_200_names() {
    for (droplets, actions) in [(1, 30), (10, 3_000), (500, 2_500)] {
        let cloud = Cloud::start(account(droplets, actions)).unwrap();
        let sandbox = Sandbox::new();
        sync_account(&sandbox, &cloud);
        for _ in 0..2 {
            sync_account(&sandbox, &cloud);
            let names = pages(cloud.droplets().len());
            costs_at_most(&cloud, 1 + names, "nothing new");
        }
    }
}

#[test]
fn nothing_new_of_any_number_of_droplets_costs_one_and_one_for_every_200_names() {
    for (watched, droplets) in [(1, 3), (25, 40), (230, 260)] {
        let watched = Watched::new(watched, settled(droplets, 2_000));
        watched.sync();
        for _ in 0..2 {
            let names = pages(watched.cloud.droplets().len());
            watched.sync();
            costs_at_most(&watched.cloud, 1 + names, "nothing new");
        }
        watched.is_exact();
    }
}

#[test]
fn droplets_that_are_gone_or_quiet_cost_nothing_more() {
    let watched = Watched::new(8, settled(12, 2_000));
    watched.sync();
    for id in &watched.ids[..3] {
        watched.cloud.destroy_droplet(*id).unwrap();
    }
    let busy = *watched.ids.last().unwrap();
    watched.cloud.add_actions_of(busy, 450);
    watched.sync();
    for _ in 0..2 {
        watched.sync();
        costs_at_most(&watched.cloud, 2, "nothing new");
    }
    watched.is_exact();
}

#[test]
fn new_actions_of_an_account_cost_their_pages_and_two() {
    let cloud = Cloud::start(settled(20, 1_500)).unwrap();
    let sandbox = Sandbox::new();
    sync_account(&sandbox, &cloud);
    for new in [1, 199, 200, 201, 450, 1_000, 1_001] {
        cloud.add_actions(new);
        sync_account(&sandbox, &cloud);
        costs_at_most(&cloud, pages(new) + 2, &format!("{new} new"));
    }
}

#[test]
fn new_actions_cost_their_pages_and_two_however_many_droplets_are_watched() {
    for watched in [1, 2, 5, 18] {
        let watched = Watched::new(watched, settled(20, 1_500));
        watched.sync();
        for new in [1, 199, 200, 201, 450, 1_000, 1_450] {
            watched.cloud.add_actions(new);
            watched.sync();
            let when = format!("{new} new, {} droplets", watched.ids.len());
            costs_at_most(&watched.cloud, pages(new) + 2, &when);
            watched.is_exact();
        }
    }
}

#[test]
fn new_actions_cost_their_pages_and_two_also_where_all_are_of_watched_droplets() {
    for count in [1, 2, 3] {
        let watched = Watched::new(count, settled(4, 800));
        watched.sync();
        for new in [201, 430, 1_010] {
            for id in &watched.ids {
                watched.cloud.add_actions_of(*id, new);
            }
            watched.sync();
            let all = new * count;
            let when = format!("{all} new, {count} droplets");
            costs_at_most(&watched.cloud, pages(all) + 2, &when);
            watched.is_exact();
        }
    }
}

#[test]
fn actions_in_progress_beyond_the_newest_page_cost_one_each() {
    let today = Options {
        now: None,
        ..settled(6, 900)
    };
    let watched = Watched::new(4, today);
    let (cloud, other) = (&watched.cloud, Sandbox::new());
    let open: Vec<_> = watched
        .ids
        .iter()
        .map(|id| cloud.add_action(*id, "migrate"))
        .collect();
    cloud.add_actions(450);
    sync_account(&other, cloud);
    watched.sync();
    sync_account(&other, cloud);
    costs_at_most(cloud, 2 + open.len(), "account");
    watched.sync();
    costs_at_most(cloud, 2 + open.len(), "droplets");
    assert_eq!(cloud.settle_all(), open.len());
    sync_account(&other, cloud);
    watched.sync();
    watched.is_exact();
    sync_account(&other, cloud);
    costs_at_most(cloud, 2, "what is settled is asked for no more");
    watched.sync();
    costs_at_most(cloud, 2, "what is settled is asked for no more");
}
