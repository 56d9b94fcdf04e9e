//! Proof that groups are the same as a simple count of the same actions, with a separate calendar.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rusqlite::Connection;

use super::{Counts, Dimension, Measure, Question};
use crate::core::time::Timestamp;
use crate::output::testing::Rows;
use crate::query::fixture::{Row, archive, droplet, generated, insert, listed, now, tag};
use crate::query::{Choice, Filter, count};

fn question(by: &str, zone: &str, measure: Measure) -> Question {
    let by = by.split(',').map(|name| name.parse().unwrap()).collect();
    Question {
        by,
        zone: zone.parse().unwrap(),
        measure,
        ..Question::default()
    }
}

fn answered(connection: &Connection, filter: &Filter, question: &Question) -> Rows {
    let mut rows = Rows::default();
    let counts = Counts::read(connection, (filter, now()), question, None).unwrap();
    counts.write(question, &mut rows).unwrap();
    rows
}

/// An action, with its times in seconds since 1970.
#[derive(Clone, Debug)]
struct Action {
    kind: Option<&'static str>,
    status: Option<&'static str>,
    region: Option<&'static str>,
    resource: (Option<&'static str>, Option<i64>),
    started: Option<i64>,
    seconds: Option<i64>,
    listed_by: Vec<i64>,
}

impl Action {
    fn droplets(&self) -> Vec<i64> {
        let own = match self.resource {
            (Some("droplet"), id) => id,
            _ => None,
        };
        let mut droplets: Vec<i64> = own.into_iter().chain(self.listed_by.clone()).collect();
        droplets.sort_unstable();
        droplets.dedup();
        droplets
    }

    fn duration(&self) -> Option<i64> {
        self.started?;
        self.seconds.filter(|seconds| *seconds >= 0)
    }
}

fn text(seconds: i64) -> String {
    Timestamp::from_epoch_seconds(seconds).unwrap().to_string()
}

fn archived(actions: &[Action]) -> Connection {
    let connection = archive();
    for id in 1..=3 {
        droplet(&connection, id, &[&format!("web-{id}")]);
    }
    tag(&connection, 1, "web", None);
    tag(&connection, 1, "prod", None);
    tag(&connection, 2, "web", None);
    tag(&connection, 3, "web", Some("2020-08-01T00:00:00Z"));
    for (id, action) in (1..).zip(actions) {
        let started_at = action.started.map(text);
        let ended = action.started.zip(action.seconds);
        let completed_at = ended.map(|(started, seconds)| text(started + seconds));
        let row = Row {
            id,
            status: action.status,
            kind: action.kind,
            started_at: started_at.as_deref(),
            completed_at: completed_at.as_deref(),
            resource_id: action.resource.1,
            resource_type: action.resource.0,
            region: action.region,
        };
        insert(&connection, &row);
        for droplet in &action.listed_by {
            listed(&connection, *droplet, id);
        }
    }
    connection
}

/// Seconds near calendar boundaries: both clock changes of Berlin in 2020, new year; and any other time.
fn started() -> impl Strategy<Value = Option<i64>> {
    let near = |second: i64| second - 90_000..second + 90_000;
    prop_oneof![
        1 => Just(None),
        3 => near(1_585_443_600).prop_map(Some),
        3 => near(1_603_587_600).prop_map(Some),
        2 => near(1_609_459_200).prop_map(Some),
        2 => (1_400_000_000_i64..1_900_000_000).prop_map(Some),
    ]
}

fn an_action() -> impl Strategy<Value = Action> {
    use prop::sample::select;
    let kind = select(vec![None, Some("reboot"), Some("backup"), Some("create")]);
    let status = select(vec![
        None,
        Some("completed"),
        Some("errored"),
        Some("in-progress"),
    ]);
    let region = select(vec![None, Some("nyc3"), Some("ams3")]);
    let resource = (
        select(vec![None, Some("droplet"), Some("volume")]),
        prop::option::of(1_i64..5),
    );
    let listed_by = prop::collection::btree_set(1_i64..5, 0..3).prop_map(Vec::from_iter);
    let seconds = prop::option::of(-5_i64..40);
    (
        kind,
        status,
        region,
        resource,
        started(),
        seconds,
        listed_by,
    )
        .prop_map(
            |(kind, status, region, resource, started, seconds, listed_by)| Action {
                kind,
                status,
                region,
                resource,
                started,
                seconds,
                listed_by,
            },
        )
}

const ZONES: [&str; 3] = ["UTC", "Europe/Berlin", "Asia/Kolkata"];

/// Year, month and day of a number of days since 1970, counted year by year and month by month.
fn date(mut days: i64) -> (i64, i64, i64) {
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut year = 1970;
    while days >= 365 + i64::from(is_leap(year)) {
        days -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + i64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

/// 1970-01-01 was a Thursday; Monday is 0.
fn weekday(days: i64) -> i64 {
    (days + 3) % 7
}

/// European Union summer time: one hour ahead from the last Sunday of March to that of October, 01:00 UTC.
fn offset(zone: &str, second: i64) -> i64 {
    let (_, month, day) = date(second / 86_400);
    let days_since_sunday = (weekday(second / 86_400) + 1) % 7;
    let is_past_the_last_sunday = if days_since_sunday == 0 {
        day > 24 && second % 86_400 >= 3_600
    } else {
        day - days_since_sunday > 24
    };
    let is_summer = match month {
        3 => is_past_the_last_sunday,
        10 => !is_past_the_last_sunday,
        month => (4..10).contains(&month),
    };
    match zone {
        "Europe/Berlin" => 3_600 + 3_600 * i64::from(is_summer),
        "Asia/Kolkata" => 19_800,
        _ => 0,
    }
}

fn calendar(name: &str, zone: &str, second: i64) -> String {
    let local = second + offset(zone, second);
    let days = local / 86_400;
    let (year, month, day) = date(days);
    match name {
        "hour" => format!("{:02}", local % 86_400 / 3_600),
        "weekday" => {
            let names = [
                "1 Mon", "2 Tue", "3 Wed", "4 Thu", "5 Fri", "6 Sat", "7 Sun",
            ];
            names[usize::try_from(weekday(days)).unwrap()].to_owned()
        }
        "day" => format!("{year}-{month:02}-{day:02}"),
        "week" => {
            // A week belongs to the year of its Thursday.
            let thursday = days - weekday(days) + 3;
            let (year, ..) = date(thursday);
            let before = (0..)
                .take_while(|weeks| date(thursday - 7 * weeks).0 == year)
                .count();
            format!("{year}-W{before:02}")
        }
        "month" => format!("{year}-{month:02}"),
        "quarter" => format!("{year}-Q{}", (month - 1) / 3 + 1),
        _ => year.to_string(),
    }
}

/// The columns of an action in one dimension; it may have several droplets and tags.
fn places(action: &Action, droplets: &[i64], name: &str, zone: &str) -> Vec<Vec<String>> {
    let one = |value: Option<&str>| vec![vec![value.unwrap_or_default().to_owned()]];
    match name {
        "type" => one(action.kind),
        "status" => one(action.status),
        "region" => one(action.region),
        "resource-type" => one(action.resource.0),
        "tag" => {
            let has = |tag: &&str| match *tag {
                "prod" => droplets.contains(&1),
                _ => droplets.iter().any(|id| [1, 2].contains(id)),
            };
            let tags: Vec<_> = ["prod", "web"].into_iter().filter(has).collect();
            match tags.as_slice() {
                [] => one(None),
                tags => tags.iter().map(|tag| vec![(*tag).to_owned()]).collect(),
            }
        }
        "droplet" => match droplets {
            [] => vec![vec![String::new(); 2]],
            droplets => droplets
                .iter()
                .map(|id| {
                    vec![
                        id.to_string(),
                        if *id <= 3 {
                            format!("web-{id}")
                        } else {
                            String::new()
                        },
                    ]
                })
                .collect(),
        },
        _ => one(action
            .started
            .map(|second| calendar(name, zone, second))
            .as_deref()),
    }
}

/// The members of each group, by the columns of the dimensions.
fn grouped<'a>(
    actions: &'a [Action],
    by: &str,
    zone: &str,
) -> BTreeMap<Vec<String>, Vec<&'a Action>> {
    let mut groups: BTreeMap<Vec<String>, Vec<&Action>> = BTreeMap::new();
    let is_of_each = by.contains("droplet") && by.contains("tag");
    for action in actions {
        let all = action.droplets();
        // By droplets and tags, a tag is that of the droplet beside it.
        let alone = match all.as_slice() {
            [_, _, ..] if is_of_each => all.chunks(1).collect(),
            all => vec![all],
        };
        for droplets in alone {
            let mut keys = vec![vec![]];
            for name in by.split(',') {
                let places = places(action, droplets, name, zone);
                let with = |key: Vec<String>| {
                    places
                        .iter()
                        .map(move |place| [key.clone(), place.clone()].concat())
                };
                keys = keys.into_iter().flat_map(with).collect();
            }
            for key in keys {
                groups.entry(key).or_default().push(action);
            }
        }
    }
    groups
}

fn counted(actions: &[Action], by: &str, zone: &str, measure: Measure) -> Vec<Vec<String>> {
    let row =
        |(key, members): (Vec<String>, Vec<&Action>)| [key, measured(&members, measure)].concat();
    grouped(actions, by, zone).into_iter().map(row).collect()
}

/// The columns after the dimensions.
fn measured(members: &[&Action], measure: Measure) -> Vec<String> {
    let numbers = exact(members, measure).into_iter();
    numbers.map(|number| number.text()).collect()
}

/// A number as a fraction, which is shown as a whole number or with one decimal. The divisor 0 stands for unknown.
#[derive(Clone, Copy)]
struct Fraction(i64, i64, bool);

impl Fraction {
    fn whole(number: usize) -> Self {
        Self(i64::try_from(number).unwrap(), 1, false)
    }

    fn since(self, before: Self) -> Self {
        let dividend = self.0 * before.1 - before.0 * self.1;
        Self(dividend, self.1 * before.1, self.2)
    }

    /// A half is rounded away from zero.
    fn text(self) -> String {
        match self {
            Self(_, 0, _) => String::new(),
            Self(number, _, false) => number.to_string(),
            Self(dividend, divisor, true) => {
                let tenths = (20 * dividend.abs() + divisor) / (2 * divisor);
                let sign = if dividend < 0 && tenths > 0 { "-" } else { "" };
                format!("{sign}{}.{}", tenths / 10, tenths % 10)
            }
        }
    }
}

fn exact(members: &[&Action], measure: Measure) -> Vec<Fraction> {
    let count = members.len();
    let errored = members
        .iter()
        .filter(|action| action.status == Some("errored"))
        .count();
    let mut seconds: Vec<i64> = members
        .iter()
        .filter_map(|action| action.duration())
        .collect();
    seconds.sort_unstable();
    let at = |percent: usize| match seconds.len() {
        0 => Fraction(0, 0, false),
        count => Fraction(seconds[(percent * count).div_ceil(100) - 1], 1, false),
    };
    let ratio = |dividend: i64, divisor| Fraction(dividend, i64::try_from(divisor).unwrap(), true);
    let measured = match measure {
        Measure::Errors => {
            let percent = ratio(100 * i64::try_from(errored).unwrap(), count);
            vec![Fraction::whole(errored), percent]
        }
        Measure::Durations => {
            let mean = ratio(seconds.iter().sum(), seconds.len());
            let known = Fraction::whole(seconds.len());
            vec![known, mean, at(50), at(95), at(100)]
        }
    };
    [vec![Fraction::whole(count)], measured].concat()
}

fn every_by() -> Vec<String> {
    let of_one_archive = |dimension: &Dimension| *dimension != Dimension::Account;
    let single = Dimension::ALL.into_iter().filter(of_one_archive);
    let single = single.map(|dimension| dimension.name().to_owned());
    let several = [
        "week,type",
        "type,week",
        "droplet,status",
        "hour,weekday",
        "month,droplet",
        "year,region,resource-type",
        "status,day,type",
        "tag,status",
        "droplet,tag",
        "tag,month,droplet",
    ];
    single.chain(several.map(str::to_owned)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn groups_are_what_counting_by_hand_finds(
        actions in prop::collection::vec(an_action(), 0..60),
        zone in prop::sample::select(ZONES.to_vec()),
        measure in prop::sample::select(vec![Measure::Errors, Measure::Durations]),
    ) {
        let connection = archived(&actions);
        for by in every_by() {
            let rows = answered(&connection, &Filter::default(), &question(&by, zone, measure)).rows;
            prop_assert_eq!(rows, counted(&actions, &by, zone, measure), "{} {}", by, zone);
        }
    }

    #[test]
    fn the_largest_groups_and_those_with_errors_are_chosen_from_all(
        actions in prop::collection::vec(an_action(), 0..60), top in 1_usize..6,
    ) {
        let connection = archived(&actions);
        let mut question = question("droplet,type", "UTC", Measure::Errors);
        let count = |row: &Vec<String>| row[3].parse::<i64>().unwrap();
        let mut expected = counted(&actions, "droplet,type", "UTC", Measure::Errors);
        expected.retain(|row| row[4] != "0");
        question.only_errored = true;
        prop_assert_eq!(&answered(&connection, &Filter::default(), &question).rows, &expected);
        let errored = |row: &Vec<String>| row[4].parse::<i64>().unwrap();
        expected.sort_by_key(|row| -errored(row));
        expected.truncate(top);
        question.top = Some(top);
        prop_assert_eq!(answered(&connection, &Filter::default(), &question).rows, expected);
        let mut expected = counted(&actions, "droplet,type", "UTC", Measure::Errors);
        expected.retain(|row| count(row) >= 2);
        expected.sort_by_key(|row| -count(row));
        expected.truncate(top);
        question.only_errored = false;
        question.min_count = 2;
        prop_assert_eq!(answered(&connection, &Filter::default(), &question).rows, expected);
    }

    #[test]
    fn a_total_counts_every_action_once_whatever_is_shown(
        actions in prop::collection::vec(an_action(), 0..60),
        measure in prop::sample::select(vec![Measure::Errors, Measure::Durations]),
        top in prop::option::of(1_usize..3),
    ) {
        let connection = archived(&actions);
        for (by, label) in [("type", vec!["total"]), ("droplet,tag", vec!["", "total", ""]), ("tag", vec!["total"])] {
            let mut question = question(by, "UTC", measure);
            question.top = top;
            let rows = answered(&connection, &Filter::default(), &question).rows;
            question.total = true;
            let with_total = answered(&connection, &Filter::default(), &question).rows;
            let mut expected = rows;
            if !actions.is_empty() {
                let label = label.into_iter().map(str::to_owned).collect();
                expected.push([label, measured(&actions.iter().collect::<Vec<_>>(), measure)].concat());
            }
            prop_assert_eq!(with_total, expected);
        }
    }

    #[test]
    fn a_comparison_has_the_counts_of_both_windows_and_their_difference(
        actions in prop::collection::vec(an_action(), 0..80),
        measure in prop::sample::select(vec![Measure::Errors, Measure::Durations]),
        since in 1_603_500_000_i64..1_603_680_000, seconds in 1_i64..90_000,
    ) {
        let connection = archived(&actions);
        let started = |from: i64| {
            let is_in = |action: &&Action| action.started.is_some_and(|time| (from..from + seconds).contains(&time));
            actions.iter().filter(is_in).cloned().collect::<Vec<_>>()
        };
        let (now, before) = (started(since), started(since - seconds));
        let time = |second| Timestamp::from_epoch_seconds(second).unwrap();
        let filter = Filter {
            since: Some(time(since)),
            until: Some(time(since + seconds)),
            ..Filter::default()
        };
        for by in ["type", "tag,hour", "droplet,status"] {
            let mut question = question(by, "Europe/Berlin", measure);
            question.before = Some((time(since - seconds), time(since)));
            let groups = [&now, &before].map(|actions| grouped(actions, by, "Europe/Berlin"));
            let keys: BTreeSet<_> = groups.iter().flat_map(BTreeMap::keys).collect();
            let row = |key: &Vec<String>| {
                let [now, before] = groups.each_ref().map(|groups| {
                    exact(groups.get(key).map_or(&[], Vec::as_slice), measure)
                });
                let triples = now.into_iter().zip(before);
                let triples = triples.flat_map(|(now, before)| [now, before, now.since(before)]);
                [key.clone(), triples.map(Fraction::text).collect()].concat()
            };
            let expected: Vec<_> = keys.into_iter().map(row).collect();
            prop_assert_eq!(answered(&connection, &filter, &question).rows, expected, "{}", by);
        }
    }

    #[test]
    fn every_period_between_the_first_and_the_last_action_has_a_row(
        actions in prop::collection::vec(an_action(), 0..6),
        starts in prop::collection::vec(1_603_000_000_i64..1_604_500_000, 6),
        zone in prop::sample::select(ZONES.to_vec()),
    ) {
        let mut actions = actions;
        for (action, start) in actions.iter_mut().zip(starts) {
            action.started = action.started.map(|_| start);
        }
        let connection = archived(&actions);
        let started: Vec<i64> = actions.iter().filter_map(|action| action.started).collect();
        let span = started.iter().min().zip(started.iter().max());
        for by in ["hour", "weekday", "day", "week", "month", "quarter", "year"] {
            let mut question = question(by, zone, Measure::Errors);
            question.every_period = true;
            let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
            if let Some((first, last)) = span {
                for time in (*first..*last).step_by(1_800).chain([*last]) {
                    let name = calendar(by, zone, time);
                    let none = [vec![name.clone()], measured(&[], Measure::Errors)].concat();
                    expected.insert(name, none);
                }
            }
            for row in counted(&actions, by, zone, Measure::Errors) {
                expected.insert(row[0].clone(), row);
            }
            let expected: Vec<_> = expected.into_values().collect();
            prop_assert_eq!(answered(&connection, &Filter::default(), &question).rows, expected, "{} {}", by, zone);
        }
    }
}

#[test]
fn a_window_has_its_periods_as_far_as_they_are_archived() {
    let action = |started: &str| Action {
        kind: Some("reboot"),
        status: Some("completed"),
        region: None,
        resource: (None, None),
        started: Some(started.parse::<Timestamp>().unwrap().epoch_seconds()),
        seconds: None,
        listed_by: vec![],
    };
    let connection = archived(&[
        action("2020-07-20T12:00:00Z"),
        action("2020-07-22T12:00:00Z"),
        action("2020-07-24T12:00:00Z"),
    ]);
    let days = |since: Option<&str>, until: Option<&str>| {
        let time = |text: &str| text.parse().unwrap();
        let filter = Filter {
            since: since.map(time),
            until: until.map(time),
            ..Filter::default()
        };
        let mut question = question("day", "UTC", Measure::Errors);
        question.every_period = true;
        let rows = answered(&connection, &filter, &question).rows;
        let day = |row: &Vec<String>| format!("{} {}", &row[0][8..], row[1]);
        rows.iter().map(day).collect::<Vec<_>>().join(", ")
    };
    let until = Some("2020-07-24T00:00:00Z");
    // Without a complete sync, nothing is known of the time after the last action.
    assert_eq!(days(None, None), "20 1, 21 0, 22 1, 23 0, 24 1");
    assert_eq!(days(None, until), "20 1, 21 0, 22 1");
    let synced = |time: &str| {
        let sql = "UPDATE sync_runs SET outcome = 'complete', started_at = ?1";
        connection.execute(sql, [time]).unwrap();
    };
    synced("2020-07-26T00:00:00Z");
    assert_eq!(days(None, None), "20 1, 21 0, 22 1, 23 0, 24 1, 25 0, 26 0");
    assert_eq!(days(None, until), "20 1, 21 0, 22 1, 23 0");
    // Nothing is known of the time before the first action, and of the future.
    synced("2020-08-26T00:00:00Z");
    let long_ago = Some("2019-01-01T00:00:00Z");
    assert_eq!(days(long_ago, until), "20 1, 21 0, 22 1, 23 0");
    let late = Some("2020-07-23T00:00:00Z");
    let to_now = "23 0, 24 1, 25 0, 26 0, 27 0, 28 0, 29 0, 30 0, 31 0, 01 0";
    assert_eq!(days(late, Some("2021-01-01T00:00:00Z")), to_now);
    // A window has its periods even if no action is in it, unless its beginning is not known.
    assert_eq!(days(late, until), "23 0");
    assert_eq!(days(None, long_ago), "");
    assert_eq!(days(long_ago, Some("2019-02-01T00:00:00Z")), "");
}

#[test]
fn what_a_filter_leaves_out_is_not_counted() {
    let connection = generated(5_000);
    let filter = Filter {
        types: Choice::any_of(["type_a", "type_b"].map(|name| name.parse().unwrap())),
        statuses: Choice::any_of(["completed".to_owned()]),
        since: "2017-07-14T12:00:00Z".parse().ok(),
        ..Filter::default()
    };
    for filter in [filter, Filter::default()] {
        for by in ["type", "week,type", "hour", "status"] {
            let rows = answered(&connection, &filter, &question(by, "UTC", Measure::Errors));
            let position = rows.names.iter().position(|name| name == "count").unwrap();
            let counts = rows
                .rows
                .iter()
                .map(|row| row[position].parse::<u64>().unwrap());
            assert_eq!(
                counts.sum::<u64>(),
                count(&connection, &filter, now()).unwrap(),
                "{by}"
            );
        }
    }
}

#[test]
fn a_droplets_groups_hold_what_a_question_about_it_finds() {
    let connection = generated(5_000);
    let rows = answered(
        &connection,
        &Filter::default(),
        &question("droplet", "UTC", Measure::Errors),
    )
    .rows;
    assert!(rows.len() > 100);
    for row in rows.iter().filter(|row| !row[0].is_empty()).step_by(7) {
        let filter = Filter {
            droplets: Choice::any_of([row[0].parse().unwrap()]),
            ..Filter::default()
        };
        assert_eq!(
            row[2],
            count(&connection, &filter, now()).unwrap().to_string(),
            "{row:?}"
        );
    }
}

#[test]
fn columns_are_called_after_what_they_hold() {
    let names = |by, measure| {
        answered(
            &archive(),
            &Filter::default(),
            &question(by, "UTC", measure),
        )
        .names
        .join(",")
    };
    assert_eq!(
        names("type", Measure::Errors),
        "type,count,errored,errored_percent"
    );
    assert_eq!(
        names("droplet,region,week", Measure::Durations),
        "droplet_id,droplet_name,region_slug,week,count,n,mean_seconds,p50_seconds,p95_seconds,max_seconds"
    );
    let compared = Question {
        before: Some((now(), now())),
        ..question("tag", "UTC", Measure::Errors)
    };
    let names = answered(&archive(), &Filter::default(), &compared).names;
    assert_eq!(
        names.join(","),
        "tag,count,count_before,count_change,errored,errored_before,errored_change,\
         errored_percent,errored_percent_before,errored_percent_change"
    );
}
