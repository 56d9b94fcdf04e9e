//! An action of any account is shown, with the accounts that know it.

use std::fs;

use super::{NAMES, archive, rows, three};

/// The id of the newest action that this account alone has.
fn own_action(sandbox: &crate::sandbox::Sandbox, account: &str) -> String {
    let all = rows(sandbox, &["query", "--columns", "account,id"]);
    let is_own = |id| all.iter().filter(|row| row["id"] == id).count() == 1;
    let mut own = all.iter().rev().filter(|row| row["account"] == account);
    own.find(|row| is_own(row["id"].clone())).unwrap()["id"].to_string()
}

#[test]
fn an_action_of_one_account_is_shown_as_if_the_account_were_chosen_but_with_its_name() {
    let sandbox = three();
    for name in NAMES {
        let id = own_action(&sandbox, name);
        let show = ["show", &id];
        let alone = sandbox.run(&["show", &id, "--account", name]).exits(0);
        let run = sandbox.run(&show).exits(0);
        assert_eq!(run.stdout, format!("{name}: {}", alone.stdout));
        assert_eq!(run.stderr, "");
        let alone = sandbox.run(&["show", &id, "--account", name, "-o", "json"]);
        let mut expected = alone.exits(0).json();
        expected["account"] = name.into();
        let run = sandbox.run(&["show", &id, "-o", "json"]).exits(0);
        assert_eq!(run.json(), serde_json::json!({ "accounts": [expected] }));
    }
}

#[test]
fn each_account_that_knows_the_action_has_its_own_part() {
    let sandbox = three();
    fs::copy(archive(&sandbox, "east"), archive(&sandbox, "west")).unwrap();
    let id = own_action_of_two(&sandbox);
    let text = sandbox.run(&["show", &id]).exits(0).stdout;
    let headings: Vec<_> = text.lines().filter(|it| it.contains(": action")).collect();
    assert_eq!(
        headings,
        ["east", "west"].map(|it| format!("{it}: action {id}"))
    );
    let run = sandbox.run(&["show", &id, "-o", "json"]).exits(0).json();
    let accounts = run["accounts"].as_array().unwrap();
    let accounts: Vec<_> = accounts.iter().map(|it| it["account"].as_str()).collect();
    assert_eq!(accounts, [Some("east"), Some("west")]);
}

/// The id of an action that only the first and the last account have.
fn own_action_of_two(sandbox: &crate::sandbox::Sandbox) -> String {
    let north = rows(sandbox, &["query", "--account", "north"]);
    let east = rows(sandbox, &["query", "--account", "east"]);
    let mut own = east
        .iter()
        .filter(|row| north.iter().all(|it| it["id"] != row["id"]));
    own.next().unwrap()["id"].to_string()
}

#[test]
fn an_action_is_unknown_only_if_all_archives_could_be_asked() {
    let sandbox = three();
    let id = own_action(&sandbox, "west");
    let said = "error: no action with the id 7 is archived\nhint: `archiver sync --all`";
    let run = sandbox.run(&["show", "7"]).exits(1);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.starts_with(said), "{}", run.stderr);
    fs::remove_file(archive(&sandbox, "north")).unwrap();
    let run = sandbox.run(&["show", "7"]).exits(3);
    assert_eq!(run.stdout, "");
    run.says("north: error: there is no archive")
        .says("hint: run `archiver sync --account north` to create it")
        .says(said);
    let run = sandbox.run(&["show", "7", "-o", "json"]).exits(3);
    assert_eq!(run.json(), serde_json::json!({ "accounts": [] }));
    fs::write(archive(&sandbox, "east"), "no archive").unwrap();
    for format in ["text", "json", "html"] {
        let run = sandbox.run(&["show", &id, "-o", format]).exits(3);
        assert!(
            run.stdout.contains(&id) && run.stdout.contains("west"),
            "{}",
            run.stdout
        );
        run.says("east: error: ").says("north: error: ");
    }
    fs::remove_file(archive(&sandbox, "west")).unwrap();
    sandbox.run(&["show", &id]).exits(6);
}

#[cfg(target_os = "linux")]
#[test]
fn every_link_to_an_action_on_the_page_of_several_accounts_leads_to_it() {
    let sandbox = three();
    let server = crate::serve::Server::of(&sandbox);
    for name in NAMES {
        let id = own_action(&sandbox, name);
        let page = server.get(&format!("/show/{id}")).has_status(200).body;
        assert!(page.contains(&format!("{name}: action {id}")), "{page}");
        let json = server
            .get(&format!("/show/{id}.json"))
            .has_status(200)
            .json();
        assert_eq!(json["accounts"][0]["account"], name);
    }
}
