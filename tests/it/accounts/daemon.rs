//! `archiver daemon` with several accounts.

use super::Agency;
use crate::cloud::{Fault, FaultRule};
use crate::daemon::outside::{asked, series};
use crate::process::{Running, SOON, until};
use crate::sandbox::UNPACED;
use crate::witness::Witness;

fn until_said(daemon: &Running, text: &str) {
    until(&format!("it says `{text}`"), || {
        daemon.said().contains(text)
    });
}

/// `work` has a schedule of its own.
fn configured(rest: &str) -> Agency {
    let agency = Agency::new(&["home", "work"]);
    let top =
        format!("{UNPACED}[schedule]\ncron = '0 0 1 1 *'\n[monitoring]\nlisten = '127.0.0.1:0'\n");
    let own = format!("[accounts.work.schedule]\ncron = '* * * * * *'\n{rest}");
    agency.configure(&top, &[("home", "home"), ("work", "work")], &own);
    agency
}

#[test]
fn each_account_is_synced_on_its_schedule_and_measured_with_its_name() {
    let agency = configured("");
    let daemon = agency.start(&["daemon", "--account", "all"]);
    let runs = |name: &str| {
        let metrics = series(&asked(&daemon, "/metrics").1);
        let series = format!("archiver_runs_total{{account=\"{name}\",outcome=\"complete\"}}");
        metrics.get(&series).copied().unwrap_or(0.0)
    };
    until_said(&daemon, "metrics at http://");
    until("three syncs of work", || runs("work") >= 3.0);
    until("a sync of home", || runs("home") >= 1.0);
    assert_eq!(runs("home"), 1.0);
    let (head, body) = asked(&daemon, "/readyz");
    assert!(
        head.contains(" 200 ") && body == "all 2 accounts are ready\n",
        "{head}\n{body}"
    );
    daemon.signal("TERM");
    let run = daemon.end_within(SOON).exits(0).says("told to end");
    for said in [
        " home: archiver ",
        " at 0 0 1 1 * ",
        " work: run 2: complete: ",
    ] {
        assert!(run.stderr.contains(said), "{said}: {run}");
    }
    agency.each_equals_its_cloud();
}

#[test]
fn readiness_is_of_all_accounts_and_names_those_that_are_not_ready() {
    let agency = configured("");
    agency.clouds["home"].break_with(FaultRule::new(Fault::HtmlError(404)));
    std::fs::remove_file(agency.token_file("home")).unwrap();
    let daemon = agency.start(&["daemon", "--account", "all"]);
    until_said(&daemon, " work: run 2: complete: ");
    let (head, body) = asked(&daemon, "/readyz");
    assert!(head.contains(" 503 "), "{head}");
    assert_eq!(
        body,
        "1 of 2 accounts are not ready: home: no sync was complete yet\n"
    );
    assert!(asked(&daemon, "/healthz").0.contains(" 200 "));
    // What came back is found at the next reload.
    until_said(&daemon, " home: error: ");
    daemon.signal("TERM");
    daemon.end_within(SOON).exits(0);
    agency.archive("work").equals(&agency.clouds["work"]);
}

#[test]
fn a_reload_goes_on_with_the_accounts_that_stay_and_adds_and_removes_others() {
    let agency = configured("");
    let daemon = agency.start(&["daemon", "--account", "all"]);
    until_said(&daemon, " work: run 1: complete: ");
    let top = format!("{UNPACED}[schedule]\ncron = '@yearly'\n");
    let both = [("home", "home"), ("work", "work")];
    agency.configure(&top, &both, "");
    daemon.signal("HUP");
    until_said(
        &daemon,
        " work: the configuration was read again; next sync at ",
    );
    agency.configure(&top, &[("home", "home")], "");
    daemon.signal("HUP");
    until_said(&daemon, " work: this account is not synced any more");
    let complete = |said: String| {
        let lines = said.lines().filter(|line| line.contains(" work: "));
        lines.filter(|line| line.contains(": complete: ")).count()
    };
    let before = complete(daemon.said());
    let own = "[accounts.work.schedule]\ncron = '* * * * * *'\n";
    agency.configure(&top, &both, own);
    daemon.signal("HUP");
    until("work is synced again", || complete(daemon.said()) > before);
    daemon.signal("TERM");
    daemon.end_within(SOON).exits(0);
}

#[test]
fn a_reload_does_not_forget_which_account_failed_at_a_check_that_they_share() {
    let check = Witness::answering(200, "", "OK");
    let agency = Agency::new(&["home", "work"]);
    let url = check.url();
    let top = format!("{UNPACED}[schedule]\ncron = '@yearly'\n[monitoring]\nping_url = '{url}'\n");
    let own = "[accounts.work.schedule]\ncron = '* * * * * *'\n";
    agency.configure(&top, &[("home", "home"), ("work", "work")], own);
    agency.clouds["home"].break_with(FaultRule::new(Fault::HtmlError(404)));
    let daemon = agency.start(&["daemon", "--account", "all"]);
    let ends_of_work = || {
        let mut bodies = check.bodies();
        bodies.retain(|body| body.starts_with("work: complete: "));
        bodies
    };
    let knows = |body: &String| body.ends_with("not complete before: home");
    until("the failure is told", || {
        ends_of_work().last().is_some_and(knows)
    });
    daemon.signal("HUP");
    until_said(&daemon, " work: the configuration was read again");
    let before = ends_of_work().len();
    until("two syncs more", || ends_of_work().len() >= before + 2);
    let ends = ends_of_work();
    assert!(ends[before..].iter().all(knows), "{ends:?}");
    daemon.signal("TERM");
    daemon.end_within(SOON).exits(0);
}

#[test]
fn a_broken_schedule_is_named_with_its_account() {
    let agency = configured("jitter = 'x'\n");
    let run = agency.run(&["daemon", "--account", "all"]).exits(2);
    run.says("error: work: ").says("line 17: `jitter`");
}
