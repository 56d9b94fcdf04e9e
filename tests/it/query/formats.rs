//! The formats of an answer.

use serde_json::{Value, json};

use super::{archived, truth};
use crate::cloud::Action;

fn as_row(action: &Action) -> Value {
    json!({
        "id": action.id, "status": action.status, "type": action.kind,
        "started_at": action.started_at, "completed_at": action.completed_at,
        "resource_id": action.resource_id, "resource_type": action.resource_type,
        "region_slug": action.region_slug,
    })
}

#[test]
fn json_and_json_lines_hold_every_field_of_the_api() {
    let (cloud, sandbox) = archived(5, 400);
    let expected: Vec<_> = truth(&cloud, |_| true).iter().map(as_row).collect();
    let without_name = |mut row: Value| {
        let fields = row.as_object_mut().unwrap();
        let name = fields.remove("droplet_name").unwrap();
        assert!(name.is_null() || name.is_string());
        let region = fields.remove("region").unwrap();
        assert_eq!(
            region.get("slug").unwrap_or(&Value::Null),
            &fields["region_slug"]
        );
        row
    };
    let json = sandbox.query(&["-o", "json"]).exits(0).json();
    let rows: Vec<_> = json
        .as_array()
        .unwrap()
        .iter()
        .cloned()
        .map(without_name)
        .collect();
    assert_eq!(rows, expected);
    let run = sandbox.query(&["-o", "jsonl"]).exits(0);
    let lines = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    assert_eq!(lines.map(without_name).collect::<Vec<_>>(), expected);
}

#[test]
fn csv_is_read_back_by_a_csv_reader() {
    let (cloud, sandbox) = archived(5, 400);
    let columns = "id,type,started_at,completed_at,resource_id,region_slug";
    let run = sandbox.query(&["-o", "csv", "--columns", columns]).exits(0);
    let mut reader = csv::Reader::from_reader(run.stdout.as_bytes());
    assert_eq!(
        reader
            .headers()
            .unwrap()
            .iter()
            .collect::<Vec<_>>()
            .join(","),
        columns
    );
    let rows: Vec<Vec<String>> = reader
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect())
        .collect();
    let expected: Vec<Vec<String>> = truth(&cloud, |_| true)
        .into_iter()
        .map(|action| {
            let number = |number: Option<i64>| number.map(|it| it.to_string());
            let cells = [
                number(Some(action.id)),
                action.kind,
                action.started_at,
                action.completed_at,
                number(action.resource_id),
                action.region_slug,
            ];
            cells.map(Option::unwrap_or_default).to_vec()
        })
        .collect();
    assert_eq!(rows, expected);
}

#[test]
fn a_table_has_a_header_unless_it_is_not_wanted_and_a_line_for_each_action() {
    let (_cloud, sandbox) = archived(3, 50);
    let with_header = sandbox.query(&[]).exits(0).stdout;
    let without = sandbox.query(&["--no-header"]).exits(0).stdout;
    assert_eq!(without.lines().count(), 50);
    let words = |line: &str| {
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let rows: Vec<_> = with_header.lines().map(words).collect();
    assert_eq!(rows[0][..3], ["ID", "STARTED", "TYPE"]);
    assert!(rows.ends_with(&without.lines().map(words).collect::<Vec<_>>()));
    assert!(!with_header.contains('\u{1b}'), "colours into a pipe");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let (_cloud, sandbox) = archived(5, 4_000);
    for format in ["table", "json", "jsonl", "csv", "tsv", "markdown"] {
        sandbox.is_read_for_one_line(&["query", "-o", format]);
    }
}

#[test]
fn a_region_is_an_object_in_json_and_its_slug_elsewhere() {
    let (cloud, sandbox) = archived(3, 60);
    let newest = truth(&cloud, |action| action.region_slug.is_some())
        .pop()
        .unwrap();
    let id = newest.id.to_string();
    let slug = newest.region_slug.unwrap();
    let flags = ["--id", &id, "--columns", "region_slug,region"];
    let row = sandbox
        .query(&[&flags[..], &["-o", "jsonl"]].concat())
        .exits(0)
        .json();
    assert_eq!(
        (&row["region_slug"], &row["region"]["slug"]),
        (&json!(slug), &json!(slug))
    );
    assert!(row["region"]["features"].is_array() && row["region"]["name"].is_string());
    let csv = sandbox
        .query(&[&flags[..], &["-o", "csv"]].concat())
        .exits(0);
    assert_eq!(
        csv.stdout,
        format!("region_slug,region_slug\n{slug},{slug}\n")
    );
}

#[test]
fn no_cell_runs_in_a_spreadsheet_where_that_is_asked_for() {
    let (_, sandbox) = archived(2, 10);
    let sql = "SELECT '=1+2' AS \"@name\", '-x' AS text, -1 AS whole, -0.5 AS real";
    for (format, usual, safe) in [
        (
            "csv",
            "@name,text,whole,real\n=1+2,-x,-1,-0.5\n",
            "'@name,text,whole,real\n'=1+2,'-x,-1,-0.5\n",
        ),
        (
            "tsv",
            "@name\ttext\twhole\treal\n=1+2\t-x\t-1\t-0.5\n",
            "'@name\ttext\twhole\treal\n'=1+2\t'-x\t-1\t-0.5\n",
        ),
    ] {
        let run = |flags: &[&str]| {
            sandbox
                .run(&[&["sql", sql, "-o", format], flags].concat())
                .exits(0)
        };
        assert_eq!(run(&[]).stdout, usual);
        assert_eq!(run(&["--csv-safe"]).stdout, safe);
    }
}

#[test]
fn what_does_not_begin_like_a_formula_is_left_as_it_is() {
    let (_, sandbox) = archived(2, 10);
    for question in [&["query"][..], &["stats"], &["status"]] {
        let run = |flags: &[&str]| sandbox.run(&[question, &["-o", "csv"], flags].concat());
        assert_eq!(
            run(&["--csv-safe"]).exits(0).stdout,
            run(&[]).exits(0).stdout
        );
    }
}
