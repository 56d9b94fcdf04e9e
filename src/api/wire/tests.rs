//! Tests of decoding: what is read, what is left out, and the error for an invalid body.

use super::*;

fn read(body: &str) -> Result<Page<Action>, BodyError> {
    PageReader::new().actions(body.as_bytes())
}

#[test]
fn a_body_that_is_not_a_whole_page_is_an_error() {
    for body in [
        "",
        "<html>502</html>",
        "null",
        "[]",
        "{}",
        r#"{"actions": null}"#,
        r#"{"actions": {}}"#,
        r#"{"actions": [{"id": 1}], "meta": {"tot"#,
        r#"{"actions": []} trailing"#,
        r#"{"actions": [{"id": 1, "type": "\ud800"}"#,
    ] {
        assert!(read(body).is_err(), "{body}");
    }
}

#[test]
fn what_nests_too_deep_for_other_tools_is_kept_as_a_string() {
    let deep = format!("{}1{}", "[".repeat(9_999), "]".repeat(9_999));
    for name in ["x", "region"] {
        let page = read(&format!(
            r#"{{"actions": [{{"id": 1, "{name}": {deep}}}]}}"#
        ))
        .unwrap();
        let action = page.rows[0].as_ref().unwrap();
        assert_eq!(action.extra[name].get(), format!("\"{deep}\""));
    }
    let page = read(&format!(r#"{{"actions": [{deep}, {{"id": 1}}]}}"#)).unwrap();
    assert!(page.rows[0].is_err() && page.rows[1].is_ok());
}

#[test]
fn a_page_with_more_rows_than_anybody_sends_is_an_error() {
    let body = |rows: usize| {
        format!(
            "{{\"actions\": [{}{{\"id\": 1}}]}}",
            "{\"id\":1},".repeat(rows - 1)
        )
    };
    assert_eq!(
        read(&body(fields::MOST_ROWS)).unwrap().rows.len(),
        fields::MOST_ROWS
    );
    let error = read(&body(fields::MOST_ROWS + 1)).unwrap_err();
    assert!(
        error.to_string().contains("more than 10000 rows"),
        "{error}"
    );
    let unusual = body(fields::MOST_ROWS + 1).replacen('1', "\"\\u0031\"", 1);
    assert!(read(&unusual).is_err());
}

#[test]
fn a_row_without_an_integer_id_is_rejected_alone() {
    let page = read(
        r#"{"actions": [{"id": 1}, {}, null, 7, [1], "x", {"id": "2"}, {"id": 2.5}, {"id": null},
            {"id": 92233720368547758080}, {"id": 9007199254740993}], "meta": {"total": 11}}"#,
    )
    .unwrap();
    let ids: Vec<_> = page
        .rows
        .iter()
        .filter_map(|row| row.as_ref().ok())
        .map(|row| row.id)
        .collect();
    assert_eq!(ids, [1, 9_007_199_254_740_993]);
    assert_eq!(page.rows.len(), 11);
    let reason = &page.rows[6].as_ref().unwrap_err();
    assert!(
        reason.reason.contains("id") && reason.excerpt.contains(r#""2""#),
        "{reason:?}"
    );
}

#[test]
fn an_error_quotes_no_more_of_a_body_than_its_beginning() {
    let secret = "sesame".repeat(1_000);
    for body in [
        format!(r#"{{"x": "{}", "actions": "{secret}"}}"#, "y".repeat(80)),
        format!(
            r#"{{"x": "{}", "actions": {{"{secret}": 1}}}}"#,
            "y".repeat(80)
        ),
        format!(
            r#"{{"x": "{}", "{secret}": 1, "links": 1, "links": 2}}"#,
            "y".repeat(80)
        ),
        format!(r#""{}{secret}""#, "y".repeat(80)),
    ] {
        let said = read(&body).unwrap_err().to_string();
        assert!(!said.contains("sesame") && said.len() < 250, "{said}");
        assert!(
            said.starts_with("it is not the JSON that was expected, at line 1 column "),
            "{said}"
        );
    }
    let said = read("{\"actions\": [").unwrap_err().to_string();
    assert_eq!(
        said,
        "it breaks off, at line 1 column 13; it begins `{\"actions\": [`"
    );
    assert_eq!(read("").unwrap_err().to_string(), "it is empty");
    let said = read("<html>").unwrap_err().to_string();
    assert_eq!(
        said,
        "it is not JSON, at line 1 column 1; it begins `<html>`"
    );
}

#[test]
fn a_row_that_is_larger_than_anybody_sends_is_left_out_alone() {
    let long = format!(r#"{{"id": 2, "x": "{}"}}"#, "x".repeat(MOST_ROW_BYTES));
    let members: String = (0..fields::MOST_MEMBERS)
        .map(|it| format!(r#", "m{it}": 1"#))
        .collect();
    let many = format!(r#"{{"id": 3{members}}}"#);
    let page = read(&format!(
        r#"{{"actions": [{{"id": 1}}, {long}, {many}, {{"id": 4}}]}}"#
    ))
    .unwrap();
    let reasons: Vec<_> = page
        .rows
        .iter()
        .filter_map(|row| row.as_ref().err())
        .collect();
    let [long, many] = reasons.as_slice() else {
        panic!("{reasons:?}")
    };
    assert_eq!(long.reason, "it is longer than 1048576 bytes");
    assert_eq!(many.reason, "it has more than 1000 members");
    assert!(long.excerpt.starts_with(r#"{"id": 2, "x": "xxx"#) && long.excerpt.len() < 300);
    assert!(many.excerpt.starts_with(r#"{"id": 3, "m0": 1,"#) && many.excerpt.len() < 300);
    let ids = page.rows.iter().flatten().map(|row| row.id);
    assert_eq!(ids.collect::<Vec<_>>(), [1, 4]);
    let droplet = br#"{"droplets": [{"id": 1}, {"id": 2, "tags": []}]}"#;
    assert!(droplets(droplet).unwrap().rows.iter().all(Result::is_ok));
}

#[test]
fn a_page_with_more_values_than_anybody_sends_is_an_error() {
    let row = |id: usize, members: usize| {
        let members: String = (0..members).map(|it| format!(r#","m{it}":1"#)).collect();
        format!(r#"{{"id":{id}{members}}}"#)
    };
    let body = |rows: usize| {
        let rows: Vec<_> = (0..rows).map(|id| row(id, 900)).collect();
        format!(r#"{{"actions":[{}]}}"#, rows.join(","))
    };
    assert_eq!(
        read(&body(MOST_VALUES / 900)).unwrap().rows.len(),
        MOST_VALUES / 900
    );
    let error = read(&body(MOST_VALUES / 900 + 1)).unwrap_err();
    assert!(
        error.to_string().contains("more than 100000 values"),
        "{error}"
    );
}

#[test]
fn totals_and_links_are_evidence_that_may_be_missing() {
    for (rest, total, has_next) in [
        ("", None, false),
        (r#", "meta": {"total": 450}, "links": {}"#, Some(450), false),
        (r#", "meta": {"total": -1}, "links": null"#, None, false),
        (r#", "meta": {"total": "3"}, "links": []"#, None, false),
        (r#", "meta": 5, "links": {"pages": null}"#, None, false),
        (
            r#", "links": {"pages": {"next": "https://x/?page=2", "last": "y"}}"#,
            None,
            true,
        ),
        (r#", "links": {"pages": {"next": null}}"#, None, false),
        (
            r#", "links": {"pages": {"prev": "https://x/?page=1"}}"#,
            None,
            false,
        ),
    ] {
        let page = read(&format!(r#"{{"actions": []{rest}}}"#)).unwrap();
        assert_eq!((page.total, page.has_next), (total, has_next), "{rest}");
    }
}
