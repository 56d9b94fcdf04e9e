//! The environment names the proxy to the API, or none.

use super::CANARY;
use crate::process::{Running, until};
use crate::sandbox::Sandbox;
use crate::witness::Witness;

/// A sandbox whose API is on another machine that is not reachable.
fn sandbox() -> Sandbox {
    Sandbox::new()
        .with("DIGITALOCEAN_TOKEN", CANARY)
        .with("DIGITALOCEAN_API_URL", "https://api.invalid")
}

#[test]
fn a_proxy_that_is_not_understood_is_refused_before_anything_is_sent() {
    for (name, address) in [
        ("HTTPS_PROXY", "ftp://u:canary@h"),
        ("https_proxy", "http://u:canary@127.0.0.1 7199"),
        ("ALL_PROXY", "socks5h://u:canary@127.0.0.1:1080"),
        ("all_proxy", "http://u:canary@127.0.0.1:77777"),
    ] {
        for command in [
            &["sync"][..],
            &["sync", "--dry-run"],
            &["auth", "check"],
            &["daemon", "--cron", "@hourly"],
        ] {
            let run = sandbox().with(name, address).run(command).exits(2);
            run.says(name)
                .says("SOCKS is not supported")
                .says("hint: ")
                .never_says("canary");
        }
        let pings = Sandbox::new()
            .with("DIGITALOCEAN_TOKEN", CANARY)
            .with("DIGITALOCEAN_API_URL", "http://127.0.0.1:9")
            .with("ARCHIVER_PING_URL", "https://hc-ping.invalid/id")
            .with(name, address);
        pings
            .run(&["sync"])
            .exits(2)
            .says(name)
            .never_says("canary");
    }
}

#[test]
fn what_is_taken_for_a_proxy_is_used_as_one() {
    for user in ["", "user@", "u:p:q%40$&'()*+,;=!~-._@"] {
        for (scheme, end) in [("http://", "/"), ("http://", ""), ("", "")] {
            let proxy = Witness::answering(502, "", "");
            let host = proxy.url().strip_prefix("http://").unwrap();
            let sandbox = sandbox().with("HTTPS_PROXY", format!("{scheme}{user}{host}{end}"));
            let sync = Running::start(sandbox.command(&["sync"]));
            until("the proxy is asked", || !proxy.heads().is_empty());
            let head = proxy.heads().remove(0);
            assert!(head.starts_with("CONNECT api.invalid:443 "), "{head}");
            assert!(!head.contains(CANARY), "{head}");
            let is_known = head.to_lowercase().contains("proxy-authorization: basic ");
            assert_eq!(is_known, !user.is_empty(), "{head}");
            sync.kill();
        }
    }
}

#[test]
fn what_stays_on_this_machine_has_no_proxy_however_it_is_written() {
    let cloud = crate::account::cloud(2, 20);
    let sandbox = Sandbox::new().with("HTTPS_PROXY", "socks5://127.0.0.1:1");
    sandbox.sync(&cloud, &["--all"]).exits(0);
}
