//! Property test: for any reports about actions in any order, the archive holds the result of the merge rules.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rusqlite::{Connection, params};

use super::fixture::{self, Archive, bare, counts, extra, time};
use crate::archive::migrations;
use crate::core::model::Action;

/// A report about an action, or its known state. Times and numbers are small, so that they collide.
#[derive(Clone, Debug, Default, PartialEq)]
struct Facts {
    status: Option<&'static str>,
    /// `type`, `resource_type` and `region_slug`.
    words: [Option<&'static str>; 3],
    /// `started_at` and `completed_at`, in minutes.
    minutes: [Option<u8>; 2],
    resource_id: Option<i64>,
    extra: BTreeMap<&'static str, &'static str>,
}

impl Facts {
    /// The merge rules, written a second time: the known state and a new report.
    fn hear(&mut self, said: &Self) {
        let is_settled =
            |status: Option<&str>| status.is_some_and(|it| it == "completed" || it == "errored");
        if said.status.is_some() && (is_settled(said.status) || !is_settled(self.status)) {
            self.status = said.status;
        }
        for (known, said) in self.words.iter_mut().zip(said.words) {
            *known = said.or(*known);
        }
        for (known, said) in self.minutes.iter_mut().zip(said.minutes) {
            *known = said.or(*known);
        }
        self.resource_id = said.resource_id.or(self.resource_id);
        for (name, value) in &said.extra {
            if *value != "null" {
                self.extra.insert(name, value);
            } else {
                self.extra.entry(name).or_insert(value);
            }
        }
    }

    /// The rule for a file: the known state, and what only the file says.
    fn add(&mut self, said: &Self) {
        let is_settled = |status: Option<&str>| matches!(status, Some("completed" | "errored"));
        if self.status.is_none() || (!is_settled(self.status) && is_settled(said.status)) {
            self.status = said.status;
        }
        let mut joined = said.clone();
        joined.hear(&Self {
            status: None,
            ..self.clone()
        });
        joined.status = self.status;
        *self = joined;
    }

    fn action(&self, id: i64) -> Action {
        let minute = |minute: Option<u8>| Some(time(&format!("2020-01-01T00:0{}:00Z", minute?)));
        let [kind, resource_type, region_slug] = self.words.map(|word| word.map(str::to_owned));
        Action {
            status: self.status.map(str::to_owned),
            kind,
            started_at: minute(self.minutes[0]),
            completed_at: minute(self.minutes[1]),
            resource_id: self.resource_id,
            resource_type,
            region_slug,
            extra: extra(&self.json()),
            ..bare(id)
        }
    }

    fn json(&self) -> String {
        let members: Vec<_> = self
            .extra
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        format!("{{{}}}", members.join(","))
    }

    /// The row as a test prints it.
    fn row(&self, id: i64) -> String {
        let action = self.action(id);
        let or_null = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let extra = if self.extra.is_empty() {
            "-".to_owned()
        } else {
            self.json()
        };
        [
            id.to_string(),
            or_null(action.status),
            or_null(action.kind),
            or_null(action.started_at.map(|time| time.to_string())),
            or_null(action.completed_at.map(|time| time.to_string())),
            or_null(action.resource_id.map(|id| id.to_string())),
            or_null(action.resource_type),
            or_null(action.region_slug),
            extra,
        ]
        .join(" ")
    }
}

fn facts() -> impl Strategy<Value = Facts> {
    let status = prop::option::of(prop::sample::select(vec![
        "in-progress",
        "completed",
        "errored",
        "queued",
    ]));
    let word = || prop::option::of(prop::sample::select(vec!["a", "b"]));
    let minute = || prop::option::of(0_u8..3);
    let extra = prop::collection::btree_map(
        prop::sample::select(vec!["x", "y", "z\\\"w"]),
        prop::sample::select(vec![
            "null",
            "1",
            "\"t\"",
            "{\"k\":null}",
            "12345678901234567890123",
            "[1.10]",
        ]),
        0..3,
    );
    let words = [word(), word(), word()];
    let minutes = [minute(), minute()];
    (status, words, minutes, prop::option::of(1_i64..3), extra).prop_map(
        |(status, words, minutes, resource_id, extra)| Facts {
            status,
            words,
            minutes,
            resource_id,
            extra,
        },
    )
}

/// Pages of a few rows about a few actions.
fn pages() -> impl Strategy<Value = Vec<Vec<(i64, Facts)>>> {
    prop::collection::vec(prop::collection::vec((1_i64..4, facts()), 0..6), 1..8)
}

/// The result of one page: new, updated and unchanged rows.
fn hear_page(
    known: &mut BTreeMap<i64, Facts>,
    page: &[(i64, Facts)],
    hear: fn(&mut Facts, &Facts),
) -> (u64, u64, u64) {
    let mut expected = (0, 0, 0);
    for (id, said) in page {
        let is_new = !known.contains_key(id);
        let facts = known.entry(*id).or_default();
        let before = facts.clone();
        hear(facts, said);
        match (is_new, before == *facts) {
            (true, _) => expected.0 += 1,
            (false, false) => expected.1 += 1,
            (false, true) => expected.2 += 1,
        }
    }
    expected
}

const STORED: &str = "
    SELECT id, status, type, started_at, completed_at, resource_id, resource_type, region_slug, extra
      FROM actions
     ORDER BY id";

fn insert(connection: &Connection, table: &str, id: i64, facts: &Facts) {
    let it = facts.action(id);
    let [started_at, completed_at] =
        [it.started_at, it.completed_at].map(|at| at.map(|at| at.to_string()));
    let extra = (!facts.extra.is_empty()).then(|| facts.json());
    let time = if table == "actions" { "" } else { "unixepoch" };
    let sql = format!(
        "INSERT INTO {table} (id, status, type, started_at, completed_at, resource_id, resource_type, region_slug,
                              first_seen_run, extra)
         VALUES (?1, ?2, ?3, {time}(?4), {time}(?5), ?6, ?7, ?8, 1, ?9)"
    );
    let row = params![
        id,
        it.status,
        it.kind,
        started_at,
        completed_at,
        it.resource_id,
        it.resource_type,
        it.region_slug,
        extra
    ];
    connection.execute(&sql, row).unwrap();
}

proptest! {
    #[test]
    fn what_a_killed_sync_of_version_8_put_aside_joins_what_is_archived(
        archived in prop::collection::btree_map(1_i64..4, facts(), 0..3),
        aside in prop::collection::vec((1_i64..4, facts()), 0..9),
    ) {
        let connection = migrations::model(8).unwrap();
        let named = "INSERT INTO sync_runs (id, started_at, scope, version) VALUES (1, '', '', '');
                     INSERT INTO regions (slug, first_seen_at, last_seen_at) VALUES ('a', '', ''), ('b', '', '')";
        connection.execute_batch(named).unwrap();
        for (id, facts) in &archived {
            insert(&connection, "actions", *id, facts);
        }
        let mut known = archived;
        for (id, facts) in &aside {
            insert(&connection, "staged_actions", *id, facts);
            known.entry(*id).or_default().hear(facts);
        }
        migrations::apply(&connection).unwrap();
        let rows: Vec<_> = known.iter().map(|(id, facts)| facts.row(*id)).collect();
        prop_assert_eq!(fixture::rows(&connection, STORED), rows);
    }

    #[test]
    fn the_archive_is_the_join_of_all_that_was_said(pages in pages()) {
        let mut archive = Archive::in_memory();
        let mut known = BTreeMap::new();
        for page in &pages {
            let expected = hear_page(&mut known, page, Facts::hear);
            let actions: Vec<_> = page.iter().map(|(id, facts)| facts.action(*id)).collect();
            prop_assert_eq!(counts(archive.record(&actions)), expected);
        }
        let rows: Vec<_> = known.iter().map(|(id, facts)| facts.row(*id)).collect();
        prop_assert_eq!(archive.rows(STORED), rows);

        let changes = archive.changes();
        let actions: Vec<_> = known.iter().map(|(id, facts)| facts.action(*id)).collect();
        prop_assert_eq!(counts(archive.record(&actions)), (0, 0, actions.len() as u64));
        prop_assert_eq!(archive.changes(), changes);
        prop_assert!(archive.rows("PRAGMA foreign_key_check").is_empty());
    }

    #[test]
    fn a_file_adds_only_what_is_unknown_and_adds_it_once(
        said in prop::collection::vec((any::<bool>(), prop::collection::vec((1_i64..4, facts()), 0..6)), 1..8),
    ) {
        let mut archive = Archive::in_memory();
        let mut known = BTreeMap::new();
        let actions = |page: &[(i64, Facts)]| page.iter().map(|(id, facts)| facts.action(*id)).collect::<Vec<_>>();
        for (is_file, page) in &said {
            if *is_file {
                let expected = hear_page(&mut known, page, Facts::add);
                prop_assert_eq!(counts(archive.import("file", &actions(page), 9).recorded), expected);
            } else {
                hear_page(&mut known, page, Facts::hear);
                archive.record(&actions(page));
            }
        }
        let rows: Vec<_> = known.iter().map(|(id, facts)| facts.row(*id)).collect();
        prop_assert_eq!(archive.rows(STORED), rows);
        for (_, page) in said.iter().filter(|(is_file, _)| *is_file) {
            let again = archive.import("file", &actions(page), 9);
            prop_assert_eq!(counts(again.recorded), (0, 0, page.len() as u64));
        }
    }
}
