//! The quick way through a page against the plain way: bodies made by hand to mislead it.

use super::quick;
use super::reader::PageReader;
use super::region::Regions;
use super::{BodyError, Page, plain_actions};
use crate::model::Action;

/// Two regions of which one begins as the other does, one that names none, and one of before 2015.
pub(super) const REGIONS: [&str; 5] = [
    r#"{"name":"New York 1","slug":"nyc1","sizes":["a","b"],"available":true,"features":[]}"#,
    r#"{"name":"New York 1","slug":"nyc1","sizes":["a","b"],"available":true,"features":["é"],"new":{"region":"}"}}"#,
    r#"{"slug": "ams2"}"#,
    r#"{}"#,
    r#""nyc9""#,
];

/// A body with these rows.
pub(super) fn body_of(rows: &str) -> String {
    format!(r#"{{"actions":[{rows}],"links":{{"pages":{{"next":"x"}}}},"meta":{{"total":9}}}}"#)
}

/// A reader that has met all of `REGIONS`, a number and a truth value.
pub(super) fn warm_reader() -> PageReader {
    let mut reader = PageReader::new();
    for region in REGIONS.iter().chain(&["5", "true"]) {
        let body = body_of(&format!(r#"{{"id":1,"region":{region}}}"#));
        reader.actions(body.as_bytes()).unwrap();
    }
    reader
}

/// Checks that a reader says of a body what the plain way says without knowing a region.
pub(super) fn check(reader: &mut PageReader, body: &[u8]) {
    let text = |page: Result<Page<Action>, BodyError>| format!("{page:#?}");
    let plain = text(plain_actions(body, &mut Regions::default()));
    let shown = String::from_utf8_lossy(body);
    assert_eq!(text(reader.actions(body)), plain, "{shown}");
}

/// The body, each beginning of it, and the body with each byte missing, doubled, or another.
fn check_around(body: &[u8]) {
    let mut reader = warm_reader();
    check(&mut reader, body);
    for place in 0..body.len() {
        let (before, after) = (&body[..place], &body[place + 1..]);
        check(&mut reader, before);
        check(&mut reader, &[before, after].concat());
        for other in [body[place], b'"', b'\\', b',', b'}', b'0', b' ', 0, 0xff] {
            check(&mut reader, &[before, &[other], after].concat());
        }
    }
}

fn is_quick(body: &str) -> bool {
    let mut regions = Regions::default();
    for region in REGIONS {
        regions.read(region);
    }
    quick::actions(body.as_bytes(), &mut regions).is_some()
}

/// Replaces `R` by the first region, `S` by the second, `T` by the third, and `E` by the first as it is written inside
/// of a string.
fn with_regions(row: &str) -> String {
    let row = row.replace(":R", &format!(":{}", REGIONS[0]));
    let row = row.replace(":S", &format!(":{}", REGIONS[1]));
    let row = row.replace(":T", &format!(":{}", REGIONS[2]));
    row.replace(":E", &format!(":{}", REGIONS[0].replace('"', "\\\"")))
}

const ROWS: [&str; 31] = [
    r#"{"id":1,"status":"completed","type":"create","started_at":"2020-07-20T19:37:30Z","completed_at":null,"resource_id":3,"resource_type":"droplet","region":R,"region_slug":"nyc1"}"#,
    r#"{"id":1,"region":R},{"id":2,"region":S},{"id":3,"region":T},{"id":4,"region":{}},{"id":5,"region":"nyc9"}"#,
    // The region contradicts the slug, or is all that names it.
    r#"{"id":1,"region":R,"region_slug":"ams3"},{"region":S,"region_slug":null,"id":2}"#,
    // Twice: the last counts.
    r#"{"id":1,"region":R,"region":null},{"id":2,"region":null,"region":R},{"id":3,"region":S,"region":T}"#,
    r#"{"id":1,"region":R,"region":"ams3"},{"id":2,"region":"ams3","region":R},{"id":3,"id":4,"region":R}"#,
    r#"{"id":1,"region":R,"region":{"slug":"unseen"}},{"id":2,"region":{"slug":7},"region":R}"#,
    // Inside of unknown members and of strings.
    r#"{"id":1,"extra":{"region":R},"more":[{"region":R,"id":9}],"region":S}"#,
    r#"{"id":1,"note":"{\"id\":2,\"region\":E,","region":R}"#,
    r#"{"id":1,"note":"{\"id\":2,\"region\":R,","region":R}"#,
    r#"{"id":1,"note":",\"region\":{","region":R},{"id":2,"note":"\\","region":R}"#,
    r#"{"id":1,"type":{"region":R},"region_slug":[{"x":R}],"status":R,"id":1}"#,
    // What begins as a known region and goes on as something else.
    r#"{"id":1,"region":RR},{"id":2}"#,
    r#"{"id":1,"region":R1}"#,
    r#"{"id":1,"region":R"x":1}"#,
    r#"{"id":1,"region":R:1}"#,
    r#"{"id":1,"region":R],"x":[1}"#,
    r#"{"id":1,"region":55},{"id":2,"region":truer}"#,
    r#"{"id":1,"region":5e1},{"id":2,"region":{}{}}"#,
    // White space, and what is none.
    "\t{ \"id\" : 1 ,\r\n \"region\" :R\n, \"region_slug\" :\t\"nyc1\" } ",
    "{\"id\":1,\x0b\"region\":R},{\"id\":2,\u{a0}\"region\":R}",
    r#"{"id":1,"region": {"slug":"ams2"}},{"id":2,"region":{"slug": "ams2" }}"#,
    // Names and texts that are more than plain ASCII.
    r#"{"\u0069d":1,"region":R,"type":"\ud800","status":"caf\u00e9"}"#,
    r#"{"id":1,"r\u0065gion":R,"ñ":"é","status":"completed é"}"#,
    "{\"id\":1,\"type\":\"a\tb\"},{\"id\":2,\"type\":\"\x7f\"}",
    // Numbers.
    r#"{"id":01},{"id":2}"#,
    r#"{"id":-7,"resource_id":-0,"x":1e400,"y":1.},{"id":2}"#,
    r#"{"id":9223372036854775808},{"id":2,"resource_id":1.5},{"id":3,"resource_id":99999999999999999999}"#,
    // Rows that are rejected.
    r#"{},{"id":1,"region":R},null,[{"id":2,"region":R}],"x",7,1e400,{"region":R},{"id":"3"},{"id":null}"#,
    // No JSON.
    r#"{"id":1,},{"id":2}"#,
    r#"{"id":1 "region":R}"#,
    r#"{"id":nul},{"id":1,"x":nulll,"region"R}"#,
];

#[test]
fn rows_that_mislead_are_read_as_by_the_plain_way() {
    for row in ROWS {
        check_around(body_of(&with_regions(row)).as_bytes());
    }
}

#[test]
fn bodies_that_mislead_are_read_as_by_the_plain_way() {
    let row = r#"{"id":1,"region":R}"#;
    for body in [
        format!(r#"{{"actions":[{row}]}}"#),
        format!(r#"{{"region":R,"meta":{{"region":R,"total":1}},"links":R,"actions":[{row}]}}"#),
        format!(r#"{{"actions":[{row}],"actions":[{row}]}}"#),
        format!(r#"{{"actions":[{row}],"meta":null,"meta":{{"total":1}}}}"#),
        format!(r#"{{"actions":[{row}],"droplets":null}}"#),
        format!(r#"{{"actions":[{row}],"droplets":5}}"#),
        format!(r#"{{"actions":[{row}],"x":"{{\"actions\":[","y":1e999,"z":[1,{{}}]}}"#),
        format!(r#"[[{row}],null,{{"total":1}},null]"#),
        format!(r#"{{"actions":{row}}}"#),
        format!(r#"{{"actions":[{row}]}} {{"actions":[{row}]}}"#),
        format!("\u{feff}{{\"actions\":[{row}]}}"),
        r#" {"actions" : [ ] , "meta" : { "total" : 0 } } "#.to_owned(),
        r#"{"actions":null}"#.to_owned(),
        r#"{}"#.to_owned(),
    ] {
        check_around(with_regions(&body).as_bytes());
    }
}

#[test]
fn what_nests_deep_is_read_as_by_the_plain_way() {
    let deep = format!("{}1{}", "[".repeat(9_999), "]".repeat(9_999));
    for rows in [
        format!(r#"{{"id":1,"x":{deep}}}"#),
        format!(r#"{{"id":1,"region":{deep}}}"#),
        deep,
    ] {
        check(&mut warm_reader(), body_of(&rows).as_bytes());
    }
}

#[test]
fn healthy_pages_take_the_quick_way() {
    let whole = include_str!("../../../tests/fixtures/droplet_actions.json");
    assert!(is_quick(whole));
    for row in [ROWS[0], ROWS[1], ROWS[6], ROWS[7]] {
        assert!(is_quick(&body_of(&with_regions(row))), "{row}");
    }
    assert!(is_quick(&body_of("")));
    // What a way that is not taken for granted must leave alone.
    assert!(!is_quick(&body_of(ROWS[25])));
}
