//! The quick way through a page against the plain way: generated pages, whole and damaged.
//!
//! Random bytes are no JSON, and a scan that gives up on them has shown nothing. So the pages are whole at first, out of
//! members as they come and as they should not, and then a few bytes or members are changed.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::quick_tests::{REGIONS, body_of, check, warm_reader};

const NAMES: [&str; 12] = [
    "id",
    "status",
    "type",
    "started_at",
    "completed_at",
    "resource_id",
    "resource_type",
    "region",
    "region",
    "region_slug",
    "progress",
    r"r\u0065gion",
];

const VALUES: [&str; 24] = [
    "1",
    "2595000783",
    "-5",
    "0",
    "1.5",
    "1e3",
    "null",
    "true",
    "false",
    r#""""#,
    r#""completed""#,
    r#""nyc1""#,
    r#""2020-07-20T19:37:30Z""#,
    r#""2020-02-30T19:37:30Z""#,
    r#""2020-07-20T19:37:30.5+02:00""#,
    r#""a\"b\\""#,
    r#""\u00e9é""#,
    r#"",\"region\":{}""#,
    "[]",
    r#"[{"region":{}}]"#,
    r#"{"region":{"slug": "ams2"}}"#,
    r#"{"slug":"new1"}"#,
    r#"{ "slug": "ams2" }"#,
    "{ }",
];

/// What is put between two bytes of a body: what means something there.
const INSERTED: [&str; 16] = [
    "{", "}", "[", "]", ",", ":", "\"", "\\", " ", "\n", "0", "-", "\u{0}", "é", "null", "e5",
];

#[derive(Clone, Debug)]
enum Damage {
    Cut(Index),
    Flip(Index, u8),
    Insert(Index, &'static str),
    InsertRegion(Index, &'static str),
    Remove(Index, usize),
    Repeat(Index, usize),
}

fn value() -> impl Strategy<Value = &'static str> {
    prop_oneof![select(&VALUES[..]), select(&REGIONS[..])]
}

/// Members in any order, some twice, and half of the rows with an id at their beginning.
fn row() -> impl Strategy<Value = String> {
    let member = (select(&NAMES[..]), value(), select(&["", " ", "\n\t"][..]));
    let known = select(&REGIONS[..]);
    (any::<bool>(), vec(member, 0..10), known).prop_map(|(has_id, members, known)| {
        let text = |(name, value, space): (&str, &str, &str)| {
            format!(r#"{space}"{name}"{space}:{space}{value}{space}"#)
        };
        let mut members: Vec<_> = members.into_iter().map(text).collect();
        if has_id {
            members.insert(0, r#""id":7"#.to_owned());
            members.push(format!(r#""region":{known}"#));
        }
        format!("{{{}}}", members.join(","))
    })
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<Index>;
    prop_oneof![
        place().prop_map(Damage::Cut),
        (place(), any::<u8>()).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        (place(), select(&INSERTED[..])).prop_map(|(at, text)| Damage::Insert(at, text)),
        (place(), select(&REGIONS[..])).prop_map(|(at, region)| Damage::InsertRegion(at, region)),
        (place(), 1..20_usize).prop_map(|(at, length)| Damage::Remove(at, length)),
        (place(), 1..150_usize).prop_map(|(at, length)| Damage::Repeat(at, length)),
    ]
}

fn damaged(mut body: Vec<u8>, damage: &Damage) -> Vec<u8> {
    let at = |index: &Index| index.index(body.len().max(1)).min(body.len());
    match damage {
        Damage::Cut(index) => body.truncate(at(index)),
        Damage::Flip(index, bits) => {
            let place = at(index);
            if let Some(byte) = body.get_mut(place) {
                *byte ^= bits;
            }
        }
        Damage::Insert(index, text) => {
            let place = at(index);
            body.splice(place..place, text.bytes());
        }
        Damage::InsertRegion(index, region) => {
            // Behind the next comma or brace it may even be a member.
            let from = at(index);
            let rest = body[from..].iter();
            let place = from + rest.take_while(|byte| !b",{".contains(byte)).count();
            let place = (place + 1).min(body.len());
            body.splice(place..place, format!(r#""region":{region},"#).bytes());
        }
        Damage::Remove(index, length) => {
            let place = at(index);
            body.drain(place..(place + length).min(body.len()));
        }
        Damage::Repeat(index, length) => {
            let place = at(index);
            let copy = body[place..(place + length).min(body.len())].to_vec();
            body.splice(place..place, copy);
        }
    }
    body
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn pages_mean_the_same_both_ways_however_damaged(
        rows in vec(row(), 0..4), damages in vec(damage(), 0..4),
    ) {
        let mut reader = warm_reader();
        let mut body = body_of(&rows.join(",")).into_bytes();
        check(&mut reader, &body);
        for damage in &damages {
            body = damaged(body, damage);
            check(&mut reader, &body);
        }
    }
}
