//! Proof that views and reports read an index for a question about one droplet.

use super::fixture::Archive;
use crate::query::report::Library;

fn plan(archive: &Archive, sql: &str) -> Vec<String> {
    let mut statement = archive
        .connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    let steps = statement.raw_query().mapped(|row| row.get("detail"));
    steps.map(Result::unwrap).collect()
}

#[test]
fn a_view_that_is_asked_about_one_droplet_reads_its_actions_alone() {
    let archive = Archive::new();
    for view in ["droplet_backups", "power_events", "off_intervals"] {
        let plan = plan(
            &archive,
            &format!("SELECT * FROM {view} WHERE droplet_id = 7"),
        );
        let index = "SEARCH actions USING INDEX actions_by_resource_and_time (resource_id=?)";
        assert!(plan.iter().any(|step| step == index), "{view} {plan:#?}");
        assert!(
            !plan.iter().any(|step| step.starts_with("SCAN actions")),
            "{view} {plan:#?}"
        );
    }
}

#[test]
fn a_view_of_one_type_of_action_reads_that_type_alone() {
    let archive = Archive::new();
    for view in ["droplet_backups", "power_events"] {
        let plan = plan(&archive, &format!("SELECT * FROM {view}"));
        let index = "SEARCH actions USING INDEX actions_by_type_and_time (type=?)";
        assert!(plan.iter().any(|step| step == index), "{view} {plan:#?}");
        assert!(
            !plan.iter().any(|step| step.starts_with("SCAN actions")),
            "{view} {plan:#?}"
        );
    }
}

#[test]
fn a_report_on_one_droplet_finds_its_actions_by_an_index() {
    let archive = Archive::new();
    let library = Library::load(None);
    for report in ["downtime", "uptime", "power-state", "backup-gaps"] {
        let plan = plan(&archive, &library.get(report).unwrap().sql);
        let index = "SEARCH actions USING INDEX actions_by_resource_and_time (resource_id=?";
        let is_used = plan.iter().any(|step| step.starts_with(index));
        assert!(is_used, "{report} {plan:#?}");
    }
}
