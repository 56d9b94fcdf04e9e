//! Several accounts: each answer is that of all archives, as the answers about one account say it.

mod failures;
mod numbers;
mod rows;
mod show;
mod web;

use serde_json::{Map, Value};

use crate::account::settled;
use crate::cloud::{Cloud, Options};
use crate::sandbox::Sandbox;

const NAMES: [&str; 3] = ["east", "north", "west"];

/// Three accounts, which have droplets of the same names.
fn three() -> Sandbox {
    let sandbox = Sandbox::new().with("ARCHIVER_DB", "");
    let accounts = NAMES.map(|name| format!("[accounts.{name}]\ndatabase = \"{name}.db\"\n"));
    let sandbox = sandbox.configured(&accounts.concat());
    for (name, seed) in NAMES.into_iter().zip(1..) {
        let options = Options {
            seed,
            ..settled(9, 150 * usize::try_from(seed).unwrap())
        };
        let cloud = Cloud::start(options).unwrap();
        sandbox.sync(&cloud, &["--account", name, "--all"]).exits(0);
    }
    sandbox
}

/// The archive of an account.
fn archive(sandbox: &Sandbox, name: &str) -> std::path::PathBuf {
    sandbox.config_file().with_file_name(format!("{name}.db"))
}

type Row = Map<String, Value>;

/// The rows of an answer in JSON.
#[track_caller]
fn rows(sandbox: &Sandbox, arguments: &[&str]) -> Vec<Row> {
    let run = sandbox.run(&[arguments, &["-o", "json"]].concat()).exits(0);
    let rows = run.json().as_array().unwrap().clone();
    rows.into_iter()
        .map(|row| timeless(row.as_object().unwrap().clone()))
        .collect()
}

/// A row without what the clock changes.
fn timeless(mut row: Row) -> Row {
    for name in ["ago_seconds", "age_seconds", "lifetime_seconds"] {
        row.remove(name);
    }
    row
}

/// The rows of all accounts, asked one by one, each with its account in front.
#[track_caller]
fn one_by_one(sandbox: &Sandbox, arguments: &[&str]) -> Vec<Row> {
    let of_account = |name: &&str| {
        let rows = rows(
            sandbox,
            &[&alone(arguments)[..], &["--account", name]].concat(),
        );
        let account = ("account".to_owned(), Value::from(*name));
        let with_account = move |row: Row| [account.clone()].into_iter().chain(row).collect();
        rows.into_iter().map(with_account).collect::<Vec<Row>>()
    };
    NAMES.iter().flat_map(of_account).collect()
}

/// The question about one account, which has no column `account`.
fn alone<'a>(question: &[&'a str]) -> Vec<&'a str> {
    question
        .iter()
        .map(|word| word.strip_prefix("account,").unwrap_or(word))
        .collect()
}

/// A name that droplets of several accounts have.
fn shared_name(sandbox: &Sandbox) -> String {
    let droplets = rows(sandbox, &["droplets"]);
    let of = |row: &Row, column: &str| row[column].as_str().map(str::to_owned);
    let is_shared = |row: &&Row| {
        let others = droplets.iter().filter(|other| other["name"] == row["name"]);
        let accounts: std::collections::BTreeSet<_> = others.map(|it| of(it, "account")).collect();
        accounts.len()
            == droplets
                .iter()
                .filter(|it| it["name"] == row["name"])
                .count()
            && accounts.len() > 1
    };
    let shared = droplets.iter().find(is_shared).unwrap();
    of(shared, "name").unwrap()
}
