//! The memory that is allocated for decoding a page: unlike a time, this number does not depend on the machine.
//!
//! A separate binary, because counting replaces the allocator of the whole binary.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

use archiver::api::PageReader;

/// For a usual action: four texts (status, type, the type of its resource, the slug of its region), and the list of its
/// members.
const OF_AN_ACTION: u64 = 5;
/// The growing list of rows, and the contents of `links` and `meta`.
const OF_A_PAGE: u64 = 24;

/// A page as the API writes it: without white space, and with one of fourteen regions in full in each action.
fn body(rows: usize) -> Vec<u8> {
    let sizes: Vec<_> = (0..100)
        .map(|size| format!(r#""s-{size}vcpu-2gb""#))
        .collect();
    let action = |row: usize| {
        let (region, sizes) = (row * 5 % 14, sizes.join(","));
        format!(
            r#"{{"id":{},"status":"completed","type":"power_off","started_at":"2020-07-20T19:37:30Z","completed_at":"2020-07-20T19:37:45Z","resource_id":3164444,"resource_type":"droplet","region":{{"name":"Region {region}","slug":"reg{region}","features":["backups","ipv6"],"available":true,"sizes":[{sizes}]}},"region_slug":"reg{region}"}}"#,
            2_595_000_783 - row
        )
    };
    let actions: Vec<_> = (0..rows).map(action).collect();
    let next = "https://api.digitalocean.com/v2/actions?page=2&per_page=200";
    format!(
        r#"{{"actions":[{}],"links":{{"pages":{{"next":"{next}","last":"{next}"}}}},"meta":{{"total":5000}}}}"#,
        actions.join(",")
    )
    .into_bytes()
}

#[test]
fn a_row_of_a_page_takes_five_pieces_of_memory() {
    let body = body(200);
    let mut reader = PageReader::new();
    drop(reader.actions(&body).unwrap());
    let mut page = None;
    let memory = allocation_counter::measure(|| page = Some(reader.actions(&body).unwrap()));
    let page = page.unwrap();
    assert!(page.has_next && page.total == Some(5000));
    assert!(page.rows.iter().all(Result::is_ok));
    let most = OF_AN_ACTION * page.rows.len() as u64 + OF_A_PAGE;
    assert!(memory.count_total <= most, "{memory:?}, at most {most}");
    assert!(memory.bytes_max < body.len() as u64 / 2, "{memory:?}");
}

#[test]
fn a_reader_that_has_met_the_regions_keeps_nothing_more() {
    let body = body(50);
    let mut reader = PageReader::new();
    drop(reader.actions(&body).unwrap());
    let memory = allocation_counter::measure(|| drop(reader.actions(&body).unwrap()));
    assert_eq!(memory.bytes_current, 0, "{memory:?}");
}

#[test]
fn regions_that_are_new_on_each_page_do_not_add_up() {
    let page = |number: usize, length: usize| {
        let region = |row: usize| {
            let text = "x".repeat(length);
            format!(r#"{{"slug":"r{number}-{row}","sizes":["a","b"],"text":"{text}"}}"#)
        };
        let rows: Vec<_> = (0..20)
            .map(|row| format!(r#"{{"id":{},"region":{}}}"#, row + 1, region(row)))
            .collect();
        format!(r#"{{"actions":[{}]}}"#, rows.join(","))
    };
    for length in [1_000, 10_000, 100_000] {
        let mut reader = PageReader::new();
        let memory = allocation_counter::measure(|| {
            for number in 0..50 {
                let page = reader.actions(page(number, length).as_bytes()).unwrap();
                assert!(page.rows.iter().all(Result::is_ok));
            }
        });
        assert!(memory.bytes_current < 2 << 20, "{length}: {memory:?}");
    }
}

#[test]
fn nothing_of_a_page_takes_many_times_its_length() {
    let members: String = (0..900).map(|it| format!(r#","{it}":1"#)).collect();
    let sizes = vec![r#""a""#; 900].join(",");
    let many = |row: String, times: usize| {
        let rows: Vec<_> = (0..times)
            .map(|id| row.replace("ID", &id.to_string()))
            .collect();
        format!(r#"{{"actions":[{}]}}"#, rows.join(","))
    };
    let most = 12 << 20;
    for body in [
        many(format!(r#"{{"id":ID{members}}}"#), 1_500),
        many(
            format!(r#"{{"id":ID,"region":{{"slug":"ID","sizes":[{sizes}]}}}}"#),
            3_000,
        ),
        format!(r#"{{"actions":[{{"id":1{}}}]}}"#, members.repeat(1_000)),
        format!(
            r#"{{"actions":[{{"id":1,"region":{{"slug":"r"{}}}}}]}}"#,
            members.repeat(100)
        ),
        format!(r#"{{"actions":[{}]}}"#, vec!["[]"; 4_000_000].join(",")),
    ] {
        let mut reader = PageReader::new();
        let memory = allocation_counter::measure(|| drop(reader.actions(body.as_bytes())));
        assert!(
            memory.bytes_max < body.len() as u64 + most,
            "{}: {memory:?}",
            body.len()
        );
    }
}
