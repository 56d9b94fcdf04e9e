//! Proof that a statement, however it is shaped for speed, means what its filter says.

use rusqlite::Connection;

use super::fixture::{found, generated};
use super::{DropletSelector, Filter};

fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

/// What a filter means, in one plain condition that reads every action.
const MEANING: &str = "
    SELECT id FROM actions
     WHERE (?1 = '[]' OR type IN (SELECT value FROM json_each(?1)))
       AND (?2 = '[]' OR status IN (SELECT value FROM json_each(?2)))
       AND (?3 = '[]' OR region_slug IN (SELECT value FROM json_each(?3)))
       AND (?4 = '[]' OR resource_type IN (SELECT value FROM json_each(?4)))
       AND (?5 = '[]' OR id IN (SELECT value FROM json_each(?5)))
       AND (?6 = '[]'
            OR resource_type = 'droplet' AND resource_id IN (SELECT value FROM json_each(?6))
            OR id IN (SELECT action_id FROM droplet_listed_actions
                       WHERE droplet_id IN (SELECT value FROM json_each(?6))))
       AND (?7 IS NULL OR started_at >= ?7)
       AND (?8 IS NULL OR started_at < ?8)
     ORDER BY started_at, id";

fn meant(connection: &Connection, filter: &Filter) -> Vec<i64> {
    let droplets: Vec<i64> = filter
        .droplets
        .iter()
        .map(|selector| match selector {
            DropletSelector::Id(id) => *id,
            other => panic!("{other:?}"),
        })
        .collect();
    let list = |values: &[String]| serde_json::Value::from(values.to_vec()).to_string();
    let numbers = |values: &[i64]| serde_json::Value::from(values.to_vec()).to_string();
    let parameters = rusqlite::params![
        list(&filter.types),
        list(&filter.statuses),
        list(&filter.regions),
        list(&filter.resource_types),
        numbers(&filter.ids),
        numbers(&droplets),
        filter.since.map(|time| time.to_string()),
        filter.until.map(|time| time.to_string()),
    ];
    let mut statement = connection.prepare(MEANING).unwrap();
    let ids: Vec<i64> = statement
        .query_map(parameters, |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let limit = filter
        .limit
        .map_or(ids.len(), |limit| usize::try_from(limit).unwrap());
    ids[ids.len().saturating_sub(limit)..].to_vec()
}

/// One of every combination of a few values of each field; `digit` says which value of how many.
fn combination(mut digit: impl FnMut(usize) -> usize, some_ids: &[i64]) -> Filter {
    let many_types = (b'A'..=b'z').map(|last| format!("type_{}", char::from(last)));
    let types = [
        vec![],
        strings(&["type_a"]),
        strings(&["type_c", "type_a", "type_c", "none"]),
        many_types.filter(|name| name != "type_b").collect(),
    ];
    let droplets = [vec![], vec![1], vec![2, 3, 2], (1..60).collect()];
    let statuses = [
        vec![],
        strings(&["in-progress"]),
        strings(&["completed", "errored"]),
    ];
    let has_window = digit(2) == 1;
    Filter {
        types: types[digit(4)].clone(),
        droplets: droplets[digit(4)]
            .iter()
            .copied()
            .map(DropletSelector::Id)
            .collect(),
        statuses: statuses[digit(3)].clone(),
        regions: [vec![], strings(&["nyc3"])][digit(2)].clone(),
        resource_types: [vec![], strings(&["droplet", "backend"])][digit(2)].clone(),
        ids: [&[], some_ids][digit(2)].to_vec(),
        since: has_window.then(|| "2017-07-14T05:00:00Z".parse().unwrap()),
        until: has_window.then(|| "2017-07-14T12:00:00Z".parse().unwrap()),
        limit: [None, Some(7)][digit(2)],
    }
}

#[test]
fn every_combination_of_filters_means_what_its_parts_mean() {
    let connection = generated(2_000);
    let all = meant(&connection, &Filter::default());
    let some_ids: Vec<i64> = all.into_iter().step_by(3).collect();
    let combinations = 4 * 4 * 3 * 2 * 2 * 2 * 2 * 2;
    let mut answered = 0;
    for number in 0..combinations {
        let mut rest = number;
        let digit = |base| {
            let digit = rest % base;
            rest /= base;
            digit
        };
        let filter = combination(digit, &some_ids);
        let answer = found(&connection, &filter);
        assert_eq!(answer, meant(&connection, &filter), "{filter:?}");
        answered += usize::from(!answer.is_empty());
    }
    assert!(
        answered > combinations / 2,
        "only {answered} questions had an answer"
    );
}
