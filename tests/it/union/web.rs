//! Pages about several accounts.

use super::{archive, shared_name, three};

#[test]
fn a_page_is_about_all_accounts_and_tells_their_droplets_apart() {
    let sandbox = three();
    let page = sandbox.run(&["page", "-o", "-"]).exits(0).stdout;
    assert!(
        page.contains("<strong>900</strong>"),
        "the number of actions"
    );
    let name = shared_name(&sandbox);
    let labels: Vec<_> = super::NAMES
        .iter()
        .filter(|account| page.contains(&format!("{name} ({account})")))
        .collect();
    assert!(labels.len() > 1, "{name}: {labels:?}");
    for account in super::NAMES {
        assert!(page.contains(&format!("{account}: complete")), "{account}");
    }
    std::fs::remove_file(archive(&sandbox, "north")).unwrap();
    let run = sandbox.run(&["page", "-o", "-"]).exits(3);
    assert!(run.stderr.starts_with("north: error: "), "{}", run.stderr);
    assert!(run.stdout.contains("<strong>600</strong>"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_answers_about_all_accounts() {
    use crate::serve::Server;
    let sandbox = three();
    let server = Server::of(&sandbox);
    let rows = server.get("/query.json?limit=3").has_status(200).json();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row["account"].is_string()));
    assert!(
        server
            .get("/")
            .has_status(200)
            .body
            .contains("<strong>900</strong>")
    );
    server.get("/query.json?account=east").has_status(400);
    std::fs::remove_file(archive(&sandbox, "north")).unwrap();
    let run = server.get("/stats.json?by=account").has_status(200).json();
    assert_eq!(run.as_array().unwrap().len(), 2);
}
