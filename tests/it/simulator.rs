//! The simulator of the API, tested directly: other tests rely on its replicas, removals and caches.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;

use serde_json::Value;

use crate::account::settled;
use crate::cloud::{Cloud, Fault, FaultRule, Options, PageCache, Replicas};

/// The status of an answer, and its JSON.
fn get(cloud: &Cloud, path: &str) -> (u16, Value) {
    let address = cloud.url().replace("http://", "");
    let mut stream = TcpStream::connect(address).unwrap();
    let token = cloud.token();
    let head = format!(
        "GET {path} HTTP/1.1\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

/// The ids on a page, and its total.
fn page(cloud: &Cloud, listing: &str, page: usize) -> (Vec<i64>, u64) {
    let (status, json) = get(cloud, &format!("{listing}?page={page}&per_page=200"));
    assert_eq!(status, 200);
    let rows = json["actions"].as_array().unwrap().iter();
    let ids = rows.map(|row| row["id"].as_i64().unwrap());
    (ids.collect(), json["meta"]["total"].as_u64().unwrap())
}

fn ids(actions: &[crate::cloud::Action]) -> Vec<i64> {
    actions.iter().map(|action| action.id).collect()
}

#[test]
fn a_replica_shows_the_account_and_its_droplets_as_they_were_so_many_actions_ago() {
    let cloud = Cloud::start(settled(3, 500)).unwrap();
    let droplet = cloud.droplets()[0].id;
    let own = format!("/v2/droplets/{droplet}/actions");
    let (before, own_before) = (page(&cloud, "/v2/actions", 1), page(&cloud, &own, 1));
    cloud.add_actions_of(droplet, 4);
    cloud.add_actions(3);
    cloud.change(|options| options.replicas = Replicas::at_random(&[7]));
    assert_eq!(page(&cloud, "/v2/actions", 1), before);
    assert_eq!(page(&cloud, &own, 1), own_before);
    // Replicas that lag differ from the newest one, and from each other, only by the actions that they do not know yet.
    cloud.change(|options| options.replicas = Replicas::by_page(&[0, 3]));
    assert_eq!(page(&cloud, "/v2/actions", 1).1, 507);
    for later in [2, 3] {
        let (shown, total) = page(&cloud, "/v2/actions", later);
        assert_eq!(total, 504);
        let known = ids(&cloud.actions()[3..]);
        let last = (200 * later).min(504);
        assert_eq!(shown, known[200 * (later - 1)..last]);
    }
    let requests = cloud.requests();
    let newest: Vec<_> = requests.iter().rev().map(|it| it.newest_action).collect();
    let all = ids(&cloud.actions());
    assert_eq!(newest[..3], [Some(all[3]), Some(all[3]), Some(all[0])]);
    cloud.change(|options| options.replicas = Replicas::at_random(&[100_000]));
    assert_eq!(page(&cloud, "/v2/actions", 1), (vec![], 0));
}

#[test]
fn a_cached_page_stays_as_it_was_for_so_many_requests() {
    let cloud = Cloud::start(settled(2, 450)).unwrap();
    let cache = PageCache {
        ages: vec![5],
        keeps: 2,
        from_page: 2,
    };
    cloud.change(|options| options.cache = Some(cache));
    let first = page(&cloud, "/v2/actions", 2);
    assert_eq!(first.1, 445);
    cloud.add_actions(20);
    assert_eq!(page(&cloud, "/v2/actions", 1).1, 470);
    assert_eq!(page(&cloud, "/v2/actions", 2), first);
    assert_eq!(page(&cloud, "/v2/actions", 3).1, 465, "another page");
    assert_eq!(page(&cloud, "/v2/actions", 2), first);
    assert_eq!(page(&cloud, "/v2/actions", 2).1, 465, "made anew");
    cloud.change(|options| options.cache = None);
    assert_eq!(page(&cloud, "/v2/actions", 2).1, 470);
}

#[test]
fn an_action_that_is_removed_is_in_no_listing_and_has_no_address() {
    let cloud = Cloud::start(settled(2, 450)).unwrap();
    let droplet = cloud.droplets()[0].id;
    let own = format!("/v2/droplets/{droplet}/actions");
    let removed = cloud.actions_of(droplet)[10].clone();
    let rule = FaultRule::new(Fault::RemoveAction(Some(removed.id))).path("/v2/actions");
    cloud.break_with(rule.page(2).times(1));
    assert_eq!(page(&cloud, "/v2/actions", 1).1, 450);
    assert_eq!(page(&cloud, "/v2/actions", 2).1, 449);
    let all = [1, 2, 3].map(|number| page(&cloud, "/v2/actions", number).0);
    assert_eq!(all.concat(), ids(&cloud.actions()));
    assert!(!all.concat().contains(&removed.id));
    assert!(!page(&cloud, &own, 1).0.contains(&removed.id));
    let (status, json) = get(&cloud, &format!("/v2/actions/{}", removed.id));
    assert_eq!((status, &json["id"]), (404, &Value::from("not_found")));
    let expected = [removed];
    assert_eq!(cloud.removed_actions(), expected);
    assert_eq!(cloud.removed_actions_of(droplet), expected);
    cloud.add_actions(1);
    assert_eq!(page(&cloud, "/v2/actions", 1).1, 450);
    assert_eq!(cloud.total(), 450);
}

#[test]
fn a_droplet_has_an_address_until_it_is_destroyed() {
    let cloud = Cloud::start(settled(2, 50)).unwrap();
    let droplet = cloud.droplets()[0].clone();
    let own = format!("/v2/droplets/{}", droplet.id);
    let rule = FaultRule::new(Fault::Status(404)).path(&format!("{own}/actions"));
    cloud.break_with(rule.pages_from(2));
    let (status, json) = get(&cloud, &own);
    assert_eq!(
        (status, json["droplet"]["id"].as_i64()),
        (200, Some(droplet.id))
    );
    let tags: Vec<_> = droplet
        .tags
        .iter()
        .map(|tag| Value::from(tag.as_str()))
        .collect();
    assert_eq!(json["droplet"]["tags"], Value::from(tags));
    let actions = |number| get(&cloud, &format!("{own}/actions?page={number}")).0;
    assert_eq!([actions(1), actions(2), actions(3)], [200, 404, 404]);
    cloud.break_with(
        FaultRule::new(Fault::DestroyDroplet(droplet.id))
            .page(1)
            .times(1),
    );
    for address in [own.as_str(), "/v2/droplets/1"] {
        let (status, json) = get(&cloud, address);
        assert_eq!((status, &json["id"]), (404, &Value::from("not_found")));
    }
    assert_eq!(actions(1), 404);
}

#[test]
fn droplets_with_gpus_are_listed_where_they_are_asked_for() {
    let options = Options {
        gpus: 2,
        ..settled(8, 100)
    };
    let cloud = Cloud::start(options).unwrap();
    let (with, without): (Vec<_>, Vec<_>) =
        cloud.droplets().into_iter().partition(|it| it.has_gpus());
    assert_eq!(with.len(), 2);
    let listed = |query: &str| {
        let (_, json) = get(&cloud, &format!("/v2/droplets?per_page=200{query}"));
        let rows = json["droplets"].as_array().unwrap().iter();
        rows.map(|row| row["id"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    let ids =
        |droplets: &[crate::cloud::Droplet]| droplets.iter().map(|it| it.id).collect::<Vec<_>>();
    assert_eq!(listed(""), ids(&without));
    assert_eq!(listed("&type=gpus"), ids(&with));
    let tag = without[0].tags[0].clone();
    let tagged: Vec<_> = without
        .into_iter()
        .filter(|it| it.tags.contains(&tag))
        .collect();
    assert_eq!(listed(&format!("&tag_name={tag}")), ids(&tagged));
}

#[test]
fn an_answer_that_is_held_back_arrives_when_it_is_let_go() {
    let cloud = Cloud::start(settled(2, 50)).unwrap();
    cloud.break_with(FaultRule::new(Fault::Hold).path("/v2/actions").times(1));
    let (done, answered) = mpsc::channel();
    let asking = cloud.clone();
    let asks = thread::spawn(move || done.send(page(&asking, "/v2/actions", 1).1).unwrap());
    crate::process::until("it is asked", || cloud.requests().len() == 1);
    cloud.add_actions(3);
    assert_eq!(page(&cloud, "/v2/actions", 1).1, 53, "others are answered");
    cloud.release();
    assert_eq!(
        answered.recv().unwrap(),
        50,
        "as it was when it was asked for"
    );
    asks.join().unwrap();
}

#[test]
fn what_can_be_broken_can_be_written() {
    for text in [
        "remove",
        "remove:7@page=4,times=1",
        "destroy:7@nth=3",
        "404@from-page=3,path=/actions",
    ] {
        assert!(text.parse::<FaultRule>().is_ok(), "{text}");
    }
    for text in ["remove:x", "destroy", "404@from-page=x"] {
        assert!(text.parse::<FaultRule>().is_err(), "{text}");
    }
}
