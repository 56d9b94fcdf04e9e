//! Answers while a first sync has postponed the large indexes: the same, only slower.

use rusqlite::Connection;

use crate::account::cloud;
use crate::sandbox::Sandbox;

const QUESTIONS: [&[&str]; 7] = [
    &[
        "query",
        "--type",
        "reboot,@power",
        "--since",
        "2024-01-01",
        "-o",
        "csv",
    ],
    &[
        "query",
        "--at",
        "2024-03-01",
        "--around",
        "30d",
        "-o",
        "csv",
    ],
    &[
        "query",
        "--min-duration",
        "10m",
        "--sort",
        "duration",
        "-o",
        "csv",
    ],
    &["query", "--gone", "--limit", "5", "-o", "csv"],
    &[
        "last",
        "reboot",
        "--columns",
        "droplet_id,started_at,action_id",
        "-o",
        "csv",
    ],
    &["stats", "--by", "week,type", "-o", "csv"],
    // Its age depends on the second of the question.
    &[
        "report",
        "lifetimes",
        "--columns",
        "droplet_id,state,created_at,gone_at",
        "-o",
        "csv",
    ],
];

#[test]
fn answers_are_the_same_while_the_large_indexes_are_put_off() {
    let cloud = cloud(8, 1_200);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let answers = || QUESTIONS.map(|question| sandbox.run(question).exits(0).stdout);
    let before = answers();
    let dropped = "
        DROP INDEX actions_by_type_and_time;
        DROP INDEX actions_by_resource_and_time;
        DROP INDEX actions_by_time;";
    Connection::open(sandbox.db())
        .unwrap()
        .execute_batch(dropped)
        .unwrap();
    for (question, (before, after)) in QUESTIONS.iter().zip(before.iter().zip(answers())) {
        assert!(before.lines().count() > 1, "{question:?} found nothing");
        assert_eq!(*before, after, "{question:?}");
    }
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let made = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'actions\\_by\\_%' ESCAPE '\\'";
    assert_eq!(sandbox.archive().number(made), 4);
}
