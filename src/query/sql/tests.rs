//! Tests of the answers to ad hoc SQL.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::fixture::archive;
use super::*;
use crate::output::{Format, Options, Writer};

fn answered(sql: &str, parameters: &[&str], format: Format) -> Result<String, Error> {
    let mut connection = archive();
    let parameters: Vec<Parameter> = parameters
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    let mut sink = Vec::new();
    let mut rows = Writer::new(format, Options::default(), &mut sink);
    let count = run(&mut connection, sql, &parameters, None, &mut rows)?;
    rows.finish().unwrap();
    drop(rows);
    let text = String::from_utf8(sink).unwrap();
    if format == Format::Jsonl {
        assert_eq!(text.lines().count() as u64, count);
    }
    Ok(text)
}

fn lines(sql: &str) -> String {
    answered(sql, &[], Format::Jsonl).unwrap()
}

fn error_of(sql: &str) -> Error {
    answered(sql, &[], Format::Jsonl).unwrap_err()
}

#[test]
fn columns_are_called_as_sql_calls_them_even_twice() {
    assert_eq!(
        lines("SELECT 1 AS a, 2 AS a, count(*), 3 AS \"took_seconds\" FROM actions"),
        "{\"a\":1,\"a\":2,\"count(*)\":3,\"took_seconds\":3}\n"
    );
    let table = answered("SELECT 90 AS took_seconds", &[], Format::Table).unwrap();
    assert_eq!(table, "TOOK_SECONDS\n          90\n");
}

#[test]
fn values_are_exact_whatever_they_are() {
    assert_eq!(
        lines(
            "SELECT 9007199254740993 AS i, 0.1 AS r, 1e300 AS big, x'00ff' AS b, x'' AS none,
                    CAST(x'61ff' AS TEXT) AS t, 9e999 AS inf, -9e999 AS low, NULL AS n, 'é\u{1b}' AS u"
        ),
        "{\"i\":9007199254740993,\"r\":0.1,\"big\":1e+300,\"b\":\"x'00ff'\",\"none\":\"x''\",\
         \"t\":\"x'61ff'\",\"inf\":\"9e999\",\"low\":\"-9e999\",\"n\":null,\"u\":\"é\\u001b\"}\n"
    );
}

#[test]
fn a_trailing_semicolon_and_comments_are_no_second_statement() {
    for sql in [
        "SELECT 1 AS one;",
        "-- what?\nSELECT 1 AS one; /* done */ ;; -- really",
        ";SELECT 1 AS one",
    ] {
        assert_eq!(lines(sql), "{\"one\":1}\n", "{sql}");
    }
}

#[test]
fn no_statement_or_two_are_refused() {
    assert!(matches!(error_of(" ; -- x"), Error::Empty));
    assert!(matches!(error_of("SELECT 1\0"), Error::Nul));
    assert!(matches!(
        error_of(&format!("SELECT '{}'", "x".repeat(LONGEST_SQL_BYTES))),
        Error::TooLong
    ));
    for sql in [
        "SELECT 1; DELETE FROM actions",
        "SELECT 1; select 2",
        "SELECT 1; )",
        "SELECT ';'; SELECT \";\", [;] -- ;",
        "SELECT 1;; /* ; */ ;x",
    ] {
        let error = error_of(sql);
        assert!(matches!(error, Error::Second), "{sql}: {error}");
    }
}

#[test]
fn what_writes_is_refused_by_its_name() {
    for (sql, what) in [
        ("delete from actions", "DELETE from actions"),
        ("VACUUM INTO 'x.db'", "VACUUM"),
        (
            "CREATE TRIGGER x AFTER INSERT ON actions BEGIN SELECT 1; END",
            "an operation that does more than read",
        ),
        (
            "WITH x AS (SELECT 1) DELETE FROM actions",
            "DELETE from actions",
        ),
        (
            "SELECT * FROM pragma_table_info('actions') WHERE load_extension('x')",
            "the function load_extension",
        ),
    ] {
        let error = error_of(sql);
        assert!(
            matches!(&error, Error::Refused { what: found } if found == what),
            "{sql}: {error}"
        );
        assert!(error.hint().unwrap().contains("copy it"));
    }
}

#[test]
fn a_slip_is_said_with_its_place_and_what_was_meant() {
    for (sql, message, at, meant) in [
        (
            "SELECT tpye FROM actions",
            "no such column: tpye",
            "tpye FROM actions",
            "type",
        ),
        (
            "SELECT 1 FROM action",
            "no such table: action",
            "action",
            "actions",
        ),
        (
            "SELECT a.stauts FROM actions a",
            "no such column: a.stauts",
            "a.stauts FROM actions a",
            "status",
        ),
        (
            "SELECT cuont(*) FROM actions",
            "no such function: cuont",
            "cuont(*) FROM actions",
            "count",
        ),
    ] {
        let Error::Rejected {
            message: said,
            place,
            hint: Some(hint),
        } = error_of(sql)
        else {
            panic!("{sql}");
        };
        assert_eq!(said, message);
        // SQLite does not report the place of a table.
        if let Some(place) = place {
            assert_eq!(place.after, at, "{sql}");
        } else {
            assert!(message.starts_with("no such table"), "{sql}");
        }
        assert!(hint.contains(meant), "{sql}: {hint}");
    }
    let elsewhere = error_of("SELECT gone_at FROM actions").hint().unwrap();
    assert!(
        elsewhere.starts_with("it is a column of droplets"),
        "{elsewhere}"
    );
    let misspelt = error_of("SELECT 1 FROM actions WHERE \"tpye\" = 'reboot'");
    assert!(misspelt.to_string().contains("no such column: \"tpye\""));
    assert!(misspelt.hint().unwrap().contains("did you mean type?"));
    assert_eq!(error_of("SELECT 1 +").hint(), None);
    let Error::Rejected {
        place: Some(place), ..
    } = error_of("\n SELEC 1")
    else {
        panic!("no place");
    };
    assert_eq!((place.line_number, place.before.as_str()), (2, " "));
}

#[test]
fn what_goes_wrong_over_a_value_is_said() {
    for (sql, words) in [
        ("SELECT abs(-9223372036854775807 - 1)", "integer overflow"),
        ("SELECT json('{')", "malformed JSON"),
        ("SELECT hex(zeroblob(900000000))", "too big"),
    ] {
        let error = error_of(sql);
        assert!(matches!(&error, Error::Failed { .. }), "{sql}: {error:?}");
        assert!(error.to_string().contains(words), "{sql}: {error}");
    }
}

#[test]
fn a_statement_without_end_is_stopped() {
    let looks = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&looks);
    let stop = move || counted.fetch_add(1, Ordering::Relaxed) >= 5;
    let sql =
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
    let mut sink = Vec::new();
    let mut rows = Writer::new(Format::Jsonl, Options::default(), &mut sink);
    let outcome = run(&mut archive(), sql, &[], Some(Box::new(stop)), &mut rows);
    assert!(matches!(outcome, Err(Error::Stopped)));
    assert_eq!(looks.load(Ordering::Relaxed), 6);
}

#[test]
fn parameters_are_bound_by_their_names() {
    let answer = |sql: &str, parameters: &[&str]| answered(sql, parameters, Format::Jsonl);
    let sql = "SELECT id FROM actions WHERE type = :type AND id > :id";
    assert_eq!(
        answer(sql, &["type=reboot", "id=1"]).unwrap(),
        "{\"id\":3}\n"
    );
    assert_eq!(
        answer("SELECT @a AS a, $b AS b", &["a=1=2", "b=", "a=x"]).unwrap(),
        "{\"a\":\"x\",\"b\":\"\"}\n"
    );
    let typeof_each = "SELECT typeof(:a) AS a, typeof(:b) AS b, typeof(:c) AS c, typeof(:d) AS d";
    assert_eq!(
        answer(typeof_each, &["a=-7", "b=1.5", "c=007", "d=nan"]).unwrap(),
        "{\"a\":\"integer\",\"b\":\"real\",\"c\":\"text\",\"d\":\"text\"}\n"
    );
    for (sql, parameters, words) in [
        ("SELECT :a", &[][..], "the parameter :a has no value"),
        ("SELECT ?", &[], "the parameter ? has no value"),
        ("SELECT :a", &["a=1", "b=2"], "the SQL has no parameter `b`"),
    ] {
        assert_eq!(answer(sql, parameters).unwrap_err().to_string(), words);
    }
    assert!("a".parse::<Parameter>().is_err());
    assert!("=a".parse::<Parameter>().is_err());
}

#[test]
fn nothing_in_a_view_or_table_of_the_archive_is_out_of_reach() {
    for sql in [
        "SELECT * FROM sqlite_schema",
        "SELECT * FROM droplet_actions",
        "EXPLAIN QUERY PLAN SELECT * FROM actions ORDER BY type",
        "PRAGMA table_info(actions)",
        "SELECT row_number() OVER (ORDER BY id) AS n FROM actions",
    ] {
        assert!(
            !lines(sql).is_empty() || sql.contains("droplet_actions"),
            "{sql}"
        );
    }
}

#[test]
fn a_table_of_no_account_suggests_those_of_the_accounts() {
    let sql = "ATTACH ':memory:' AS alpha; CREATE TABLE alpha.actions (id);
               ATTACH ':memory:' AS 't-2'; CREATE TABLE 't-2'.actions (id);";
    for (table, hint) in [
        ("alpah.actions", "did you mean alpha.actions?"),
        (
            "something_else.actions",
            "did you mean alpha.actions, \"t-2\".actions?",
        ),
    ] {
        let mut connection = archive();
        connection.execute_batch(sql).unwrap();
        let mut sink = Vec::new();
        let mut rows = Writer::new(Format::Jsonl, Options::default(), &mut sink);
        let question = format!("SELECT * FROM {table}");
        let error = run(&mut connection, &question, &[], None, &mut rows).unwrap_err();
        let found = error.hint().unwrap();
        assert!(found.starts_with(hint), "{table}: {found}");
    }
}
