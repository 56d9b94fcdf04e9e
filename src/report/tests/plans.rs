//! Proof that the views read an index when they are asked about one droplet.

use super::fixture::Archive;

fn plan(archive: &Archive, sql: &str) -> Vec<String> {
    let mut statement = archive
        .connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    let steps = statement.query_map([], |row| row.get("detail")).unwrap();
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
