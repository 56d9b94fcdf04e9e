//! Listings come newest first, as far as we observed. Only the cost relies on that order.

use crate::account::{account, cloud};
use crate::cloud::{Cloud, Options, Order};
use crate::sandbox::Sandbox;

#[test]
fn a_listing_in_any_order_comes_out_exactly_and_stays_so_as_it_grows() {
    for order in [Order::OldestFirst, Order::Scattered] {
        let cloud = Cloud::start(Options {
            order,
            ..account(4, 900)
        })
        .unwrap();
        let sandbox = Sandbox::new();
        for new in [0, 0, 1, 199, 450] {
            cloud.add_actions(new);
            sandbox.sync(&cloud, &["--all"]).exits(0);
            sandbox.archive().equals(&cloud);
        }
    }
}

#[test]
fn an_order_that_changes_between_syncs_hides_nothing() {
    let cloud = cloud(4, 900);
    let sandbox = Sandbox::new();
    for order in [
        Order::NewestFirst,
        Order::OldestFirst,
        Order::Scattered,
        Order::NewestFirst,
    ] {
        cloud.change(|options| options.order = order);
        cloud.add_actions(30);
        sandbox.sync(&cloud, &["--all"]).exits(0);
        sandbox.archive().equals(&cloud);
    }
}

#[test]
fn actions_that_settle_are_seen_in_any_order() {
    let cloud = Cloud::start(Options {
        order: Order::OldestFirst,
        ..account(4, 900)
    })
    .unwrap();
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    assert!(cloud.settle_all() > 0);
    sandbox.sync(&cloud, &["--all"]).exits(0);
    sandbox.archive().equals(&cloud);
}
