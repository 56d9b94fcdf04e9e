//! `archiver droplets`: the inventory equals the truth, and so do questions about the droplets of a tag.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::account::{account, cloud};
use crate::cloud::{Cloud, Droplet};
use crate::sandbox::Sandbox;

fn archived() -> (Cloud, Sandbox) {
    let cloud = cloud(12, 2_000);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    (cloud, sandbox)
}

fn rows(sandbox: &Sandbox, command: &str, flags: &[&str]) -> Vec<Value> {
    let run = sandbox.run(&[&[command, "-o", "json"], flags].concat());
    run.exits(0).json().as_array().unwrap().clone()
}

fn ids(sandbox: &Sandbox, flags: &[&str]) -> Vec<i64> {
    let rows = rows(sandbox, "droplets", flags);
    rows.iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

fn matching(cloud: &Cloud, is_meant: impl Fn(&Droplet) -> bool) -> Vec<i64> {
    let mut droplets = cloud.droplets();
    droplets.retain(is_meant);
    droplets.sort_by_key(|droplet| (droplet.name.clone(), droplet.id));
    droplets.iter().map(|droplet| droplet.id).collect()
}

#[test]
fn every_droplet_is_there_with_what_the_api_says_of_it() {
    let (cloud, sandbox) = archived();
    for droplet in cloud.droplets() {
        let id = droplet.id.to_string();
        let row = rows(&sandbox, "droplets", &["--droplet", &id]).remove(0);
        let of_droplet = |action: &&crate::cloud::Action| {
            action.resource_type.as_deref() == Some("droplet")
                && action.resource_id == Some(droplet.id)
        };
        let actions = cloud.actions();
        let actions: Vec<_> = actions.iter().filter(of_droplet).collect();
        let last = actions
            .iter()
            .map(|action| action.started_at.as_deref())
            .max();
        let known = [
            ("name", json!(droplet.name)),
            ("former_names", json!([])),
            ("region_slug", json!(droplet.region_slug)),
            ("size_slug", json!(droplet.size_slug)),
            ("created_at", json!(droplet.created_at)),
            ("last_action_at", json!(last.flatten())),
            ("actions", json!(actions.len())),
            ("gone_at", Value::Null),
        ];
        for (name, value) in known {
            assert_eq!(row[name], value, "{name} {row}");
        }
        let tags = row["tags"].as_array().unwrap().iter();
        let tags: BTreeSet<_> = tags.map(|tag| tag.as_str().unwrap().to_owned()).collect();
        assert_eq!(tags, droplet.tags.iter().cloned().collect(), "{row}");
        let life = rows(&sandbox, "timeline", &[&id]);
        assert_eq!(row["state"], life.last().unwrap()["state"], "{row}");
    }
    assert_eq!(ids(&sandbox, &["--existing"]), matching(&cloud, |_| true));
    let gone: BTreeSet<_> = ids(&sandbox, &["--gone"]).into_iter().collect();
    let destroyed = cloud.destroyed_droplets();
    assert_eq!(gone, destroyed.iter().map(|droplet| droplet.id).collect());
    assert!(!gone.is_empty());
}

#[test]
fn states_choose_droplets_and_columns_sort_them() {
    let (_cloud, sandbox) = archived();
    let all = rows(&sandbox, "droplets", &[]);
    let of = |is_meant: &dyn Fn(&str) -> bool| {
        let all = all.iter();
        let kept = all.filter(|row| is_meant(row["state"].as_str().unwrap()));
        kept.map(|row| row["id"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&sandbox, &["--state", "on"]), of(&|it| it == "on"));
    assert_eq!(ids(&sandbox, &["--state", "!on"]), of(&|it| it != "on"));
    assert_eq!(
        ids(&sandbox, &["--state", "off,gone"]),
        of(&|it| ["off", "gone"].contains(&it))
    );
    assert_eq!(
        ids(&sandbox, &["--state", "gone"]),
        ids(&sandbox, &["--gone"])
    );
    let mut most: Vec<_> = all.iter().map(|row| row["actions"].as_i64()).collect();
    most.sort_by(|one, other| other.cmp(one));
    let busiest = rows(&sandbox, "droplets", &["--sort", "actions", "-n", "3"]);
    let busiest: Vec<_> = busiest.iter().map(|row| row["actions"].as_i64()).collect();
    assert_eq!(busiest, most[..3]);
    for (flags, words) in [
        (
            ["--state", "running"],
            "use on, off, gone, unlisted, unknown",
        ),
        (["--sort", "colour"], "`colour` is not a column"),
        (["--status", "off"], "did you mean `--state off`?"),
    ] {
        let run = sandbox.run(&[&["droplets"], &flags[..]].concat());
        run.exits(2).says(words);
    }
    let word = sandbox.run(&["droplets", "off"]).exits(2);
    word.says("did you mean `--state off`?");
}

#[test]
fn lists_sort_like_texts_and_a_droplet_without_tags_comes_last() {
    let (_cloud, sandbox) = archived();
    let sorted = rows(&sandbox, "droplets", &["--sort", "tags"]);
    let tags: Vec<_> = sorted.iter().map(|row| row["tags"].to_string()).collect();
    assert!(tags.is_sorted(), "{tags:?}");
    assert_eq!(tags.last().map(String::as_str), Some("[]"));
}

#[test]
fn filters_choose_by_tag_and_region_and_every_question_takes_a_tag() {
    let (cloud, sandbox) = archived();
    let region = cloud.droplets()[0].region_slug.clone();
    let tag = cloud.droplets()[0].tags[0].clone();
    let has_tag = |droplet: &Droplet| droplet.tags.contains(&tag);
    assert_eq!(ids(&sandbox, &["--tag", &tag]), matching(&cloud, has_tag));
    assert_eq!(
        ids(&sandbox, &["--tag", &tag, "--region", &region]),
        matching(&cloud, |it| has_tag(it) && it.region_slug == region)
    );
    assert_eq!(
        ids(&sandbox, &["--existing", "--tag", &format!("!{tag}")]),
        matching(&cloud, |it| !has_tag(it))
    );
    let environments = ["--existing", "--tag", "env:*", "--tag", "!*:prod"];
    let is_of_one = |it: &Droplet| {
        let mut tags = it.tags.iter();
        tags.any(|tag| tag.starts_with("env:")) && !it.tags.iter().any(|tag| tag == "env:prod")
    };
    assert_eq!(ids(&sandbox, &environments), matching(&cloud, is_of_one));
    // The droplets of a tag by name are the same question.
    let tagged = matching(&cloud, has_tag);
    let tagged: Vec<_> = tagged.iter().map(i64::to_string).collect();
    let tagged = tagged.join(",");
    for question in [
        &["query", "--count"][..],
        &["query", "-o", "csv", "--type", "reboot"],
        &["last", "-o", "csv", "--columns", "droplet_id,action_id"],
        &["stats", "-o", "csv", "--by", "month"],
        &[
            "report",
            "lifetimes",
            "-o",
            "csv",
            "--columns",
            "droplet_id,state,created_at",
        ],
        &["report", "power-state", "-o", "csv"],
        &["droplets", "-o", "csv"],
    ] {
        let ask = |flag: &str, value: &str| {
            sandbox
                .run(&[question, &[flag, value]].concat())
                .exits(0)
                .stdout
        };
        let answer = ask("--tag", &tag);
        assert!(
            answer.lines().count() > 1 || question.contains(&"--count"),
            "{answer}"
        );
        assert_eq!(answer, ask("--droplet", &tagged), "{question:?}");
    }
    let count = |row: &Value| (row["tag"].clone(), row["count"].as_i64().unwrap());
    let by_tag: Vec<_> = rows(&sandbox, "stats", &["--by", "tag"])
        .iter()
        .map(count)
        .collect();
    let counted = sandbox.query(&["--count", "--tag", &tag]).exits(0).stdout;
    let expected = (json!(tag), counted.trim().parse().unwrap());
    assert!(by_tag.contains(&expected), "{by_tag:?} {expected:?}");
}

#[test]
fn a_tag_is_that_of_the_last_sync_and_a_slip_is_a_usage_error() {
    let cloud_with = |name: &str, tags: &[&str]| {
        let droplet = json!({"id": 31, "name": name, "tags": tags, "size_slug": "s-1",
            "created_at": "2024-01-01T00:00:00Z", "region": {"slug": "nyc3"}});
        let action = json!({"id": 1, "status": "completed", "type": "create", "resource_id": 31,
            "started_at": "2024-01-01T00:00:00Z", "completed_at": "2024-01-01T00:01:00Z",
            "resource_type": "droplet", "region_slug": "nyc3"});
        Cloud::start_handmade(account(0, 0), &[droplet], vec![action.into()]).unwrap()
    };
    let sandbox = Sandbox::new();
    sandbox
        .sync(&cloud_with("old", &["prod", "web"]), &["--all"])
        .exits(0);
    sandbox
        .sync(&cloud_with("new", &["web"]), &["--all"])
        .exits(0);
    let tags = "SELECT tag || ' ' || (gone_at IS NULL) || ' ' || (first_seen_at <= coalesce(gone_at, first_seen_at))
                  FROM droplet_tags ORDER BY tag";
    assert_eq!(sandbox.archive().texts(tags), ["prod 0 1", "web 1 1"]);
    let count = |tag: &str| sandbox.query(&["--count", "--tag", tag]).exits(0);
    assert_eq!(count("web").stdout, "1\n");
    let former = count("prod");
    assert_eq!(former.stdout, "0\n");
    former.says("no droplet has the tag `prod` any more");
    for command in ["query", "last", "stats", "droplets"] {
        let ask = |tag: &str| {
            sandbox
                .run(&[command, "--tag", tag, "--exit-code"])
                .exits(2)
        };
        ask("wbe").says("had the tag `wbe`, did you mean web?");
        ask("").says("a tag is not empty");
        sandbox
            .run(&[command, "--tag", "web", "--exit-code"])
            .exits(10);
    }
    let report = ["report", "downtime", "--tag", "wbe"];
    sandbox.run(&report).exits(2).says("did you mean web?");
    let table = sandbox.run(&["droplets"]).exits(0).stdout;
    let lines: Vec<_> = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .collect();
    assert_eq!(
        &lines[1][..5],
        ["31", "new", "old", "nyc3", "s-1"],
        "{table}"
    );
    let csv = sandbox.run(&["droplets", "-o", "csv"]).exits(0).stdout;
    let row = "31,new,old,nyc3,s-1,web,2024-01-01T00:00:00Z,on,2024-01-01T00:01:00Z,certain,create,\
               2024-01-01T00:00:00Z,1,";
    assert_eq!(csv.lines().nth(1), Some(row));
    let none = sandbox.run(&["droplets", "--gone", "--exit-code"]).exits(0);
    assert_eq!(none.stdout.lines().count(), 1);
    sandbox
        .run(&["droplets", "--region", "nyc9"])
        .exits(0)
        .says("did you mean nyc3?");
}
