//! The archives of several accounts, exported as one table.

use std::fs;

use serde_json::Value;

use super::Agency;

#[test]
fn three_accounts_are_one_table_and_one_that_cannot_be_read_stops_no_other() {
    let agency = Agency::new(&["home", "lab", "work"]);
    agency.sync(&[]).exits(0);
    let lake = agency.sandbox.folder().join("lake");
    let folder = lake.to_str().unwrap();
    let export = |flags: &[&str]| agency.run(&[&["export", folder], flags].concat());
    let rows = || {
        let text = fs::read_to_string(lake.join("_manifest.json")).unwrap();
        let manifest: Value = serde_json::from_str(&text).unwrap();
        let files = manifest["files"].as_array().unwrap().clone();
        let of = |name: &str| {
            let part = format!("actions/account={name}/month=");
            let files = files
                .iter()
                .filter(|file| file["path"].as_str().unwrap().starts_with(&part));
            files
                .map(|file| file["rows"].as_u64().unwrap())
                .sum::<u64>()
        };
        ["home", "lab", "work"].map(of)
    };
    export(&["--account", "all", "--as", "home"])
        .exits(2)
        .says("--as names one account");
    export(&["--account", "all"]).exits(0);
    assert_eq!(rows(), [250_u64; 3]);
    fs::write(agency.db("lab"), "no archive").unwrap();
    agency.clouds["work"].add_actions(7);
    agency.run(&["sync", "--account", "work"]).exits(0);
    export(&["--account", "all"]).exits(3).says("lab: ");
    assert_eq!(rows(), [250, 250, 257], "the files of lab stay");
    export(&["--check"]).exits(0);
    // One account alone has its place in the same table.
    agency.clouds["home"].add_actions(3);
    agency.run(&["sync", "--account", "home"]).exits(0);
    export(&["--account", "home"]).exits(0);
    assert_eq!(rows(), [253, 250, 257]);
}
