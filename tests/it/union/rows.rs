//! Rows of several accounts have one order and one limit.

use serde_json::Value;

use super::{NAMES, Row, alone, one_by_one, rows, shared_name, three};

fn text(row: &Row) -> String {
    serde_json::to_string(row).unwrap()
}

#[test]
fn every_answer_has_the_rows_of_all_accounts_each_in_its_own_order() {
    let sandbox = three();
    let name = shared_name(&sandbox);
    let timeline = ["timeline", &name];
    let of_name = ["query", "--droplet", &name];
    let questions: [&[&str]; 16] = [
        &["query"],
        &["query", "--type", "@power", "--since", "2024", "--reverse"],
        &["query", "--sort", "duration"],
        &["query", "--at", "2024-12", "--around", "10d"],
        &["query", "--columns", "account,id,region"],
        &["last"],
        &["last", "reboot", "--existing"],
        &["droplets"],
        &["droplets", "--gone"],
        &[
            "report",
            "lifetimes",
            "--columns",
            "account,droplet_id,state,created_at",
        ],
        &["report", "busiest", "--since", "2015", "--top", "10000"],
        &["report", "uptime", "--during", "2020..2025", "--by", "all"],
        &["report", "failures", "--since", "2015"],
        &["report", "--all"],
        &timeline,
        &of_name,
    ];
    for question in questions {
        // Only some accounts know the name: the others have no answer alone.
        let is_named = question.contains(&name.as_str());
        let together = rows(&sandbox, question);
        assert!(!together.is_empty(), "{question:?}");
        for account in NAMES {
            let own = together.iter().filter(|row| row["account"] == account);
            let own: Vec<_> = own.cloned().map(alone_row).collect();
            if is_named && own.is_empty() {
                continue;
            }
            let own_answer = rows(
                &sandbox,
                &[&alone(question)[..], &["--account", account]].concat(),
            );
            assert_eq!(own, own_answer, "{question:?} {account}");
        }
    }
}

fn alone_row(mut row: Row) -> Row {
    row.remove("account").expect("an account");
    row
}

/// The rows one by one, sorted by these columns: `-` before a name for the greatest first.
fn sorted(mut all: Vec<Row>, columns: &[&str]) -> Vec<Row> {
    let order = |one: &Value, other: &Value| match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one.as_f64().unwrap().total_cmp(&other.as_f64().unwrap())
        }
        (Value::String(one), Value::String(other)) => one.cmp(other),
        _ => one
            .is_string()
            .cmp(&other.is_string())
            .then(one.is_number().cmp(&other.is_number())),
    };
    all.sort_by(|one, other| {
        let by = columns.iter().map(|column| match column.strip_prefix('-') {
            Some(column) => order(&other[column], &one[column]),
            None => order(&one[*column], &other[*column]),
        });
        by.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
    all
}

#[test]
fn one_order_and_one_limit_hold_for_all_accounts() {
    let sandbox = three();
    let questions: [(&[&str], &[&str]); 8] = [
        (&["query"], &["started_at", "id"]),
        (&["query", "--reverse"], &["-started_at", "-id"]),
        (&["query", "--sort", "id"], &["id"]),
        (&["last"], &["-started_at", "-action_id", "droplet_id"]),
        (&["droplets", "--existing"], &["name", "id"]),
        (
            &["droplets", "--sort", "actions"],
            &["-actions", "name", "id"],
        ),
        (
            &[
                "report",
                "lifetimes",
                "--columns",
                "account,droplet_id,state,created_at",
            ],
            &["created_at", "droplet_id"],
        ),
        (
            &["report", "slow", "--since", "2015", "--factor", "1"],
            &["started_at", "action_id"],
        ),
    ];
    for (question, columns) in questions {
        let expected = sorted(one_by_one(&sandbox, question), columns);
        assert!(expected.len() > 7, "{question:?}");
        let together = rows(&sandbox, question);
        let texts = |rows: &[Row]| rows.iter().map(text).collect::<Vec<_>>();
        assert_eq!(texts(&together), texts(&expected), "{question:?}");
        let few = rows(&sandbox, &[question, &["--limit", "7"]].concat());
        // The most recent actions, but still the oldest of them first.
        let expected = match question {
            ["query"] | ["query", "--sort", _] => &expected[expected.len() - 7..],
            _ => &expected[..7],
        };
        assert_eq!(texts(&few), texts(expected), "{question:?} --limit 7");
    }
    let by_account = rows(&sandbox, &["droplets", "--sort", "account"]);
    assert_eq!(by_account, one_by_one(&sandbox, &["droplets"]));
    let busiest = ["report", "busiest", "--since", "2015", "--top", "5"];
    let all = sorted(
        one_by_one(&sandbox, &busiest),
        &["-actions", "hour_at", "account"],
    );
    assert_eq!(rows(&sandbox, &busiest), all[..5]);
    // A sort changes the order of these five, and no other row is among them.
    let latest = rows(&sandbox, &[&busiest[..], &["--sort", "hour_at"]].concat());
    assert_eq!(latest, sorted(all[..5].to_vec(), &["-hour_at"]));
}

#[test]
fn a_timeline_introduces_the_droplets_by_account() {
    let sandbox = three();
    let name = shared_name(&sandbox);
    let run = sandbox.run(&["timeline", &name]).exits(0);
    let introduced: Vec<_> = run
        .stderr
        .lines()
        .filter(|it| it.contains(", created "))
        .collect();
    assert!(introduced.len() > 1 && introduced.is_sorted(), "{run}");
}

#[test]
fn one_account_has_no_column_and_columns_can_be_chosen_of_several() {
    let sandbox = three();
    let header = |arguments: &[&str]| {
        let run = sandbox.run(&[arguments, &["-o", "csv"]].concat()).exits(0);
        run.stdout.lines().next().unwrap().to_owned()
    };
    assert!(header(&["query", "--account", "east"]).starts_with("id,status"));
    assert!(
        header(&["query", "--account", "east", "--account", "west"])
            .starts_with("account,id,status")
    );
    assert_eq!(header(&["query", "--columns", "id,account"]), "id,account");
    assert_eq!(
        header(&["last", "--columns", "account,droplet_name"]),
        "account,droplet_name"
    );
    let run = sandbox.run(&["query", "--columns", "nothing"]).exits(2);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}

#[test]
fn a_droplet_of_one_account_is_no_stranger_and_one_of_none_is_unknown() {
    let sandbox = three();
    let droplets = rows(&sandbox, &["droplets", "--account", "east"]);
    let id = droplets[0]["id"].to_string();
    let own = rows(&sandbox, &["query", "--droplet", &id, "--account", "east"]);
    for more in [&[][..], &["--exit-code"]] {
        let all = sandbox.run(&[&["query", "--droplet", &id, "--count"], more].concat());
        let all = all.exits(if more.is_empty() { 0 } else { 10 });
        assert_eq!(all.stdout.trim(), own.len().to_string());
        assert_eq!(all.stderr, "");
    }
    let shared = shared_name(&sandbox);
    let both = format!("{id},{shared}");
    let named = rows(&sandbox, &["query", "--droplet", &both]);
    assert!(named.len() > own.len());
    for question in [
        &["query", "--droplet", "nobody"][..],
        &["query", "--count", "--droplet", &format!("{shared},nobody")],
        &["last", "--droplet", "nobody"],
        &["stats", "--tag", "nothing"],
        &["timeline", "nobody"],
        &["report", "downtime", "--droplet", "nobody"],
    ] {
        let run = sandbox.run(question).exits(2);
        assert_eq!(run.stdout, "", "{question:?}");
        assert!(
            run.stderr.starts_with("error: "),
            "{question:?}: {}",
            run.stderr
        );
        assert_eq!(
            run.stderr.matches("no archived droplet").count(),
            1,
            "{question:?}: {}",
            run.stderr
        );
    }
    let run = sandbox.run(&["query", "--type", "rebot"]).exits(0);
    assert_eq!(run.stderr.matches("rebot").count(), 1, "{}", run.stderr);
}
