//! Accepted and refused configuration files of doctl.

use super::*;

/// The token of `default`, and the others by name.
fn tokens(text: &str) -> (Option<String>, Vec<(String, String)>) {
    let found = read(text).unwrap_or_else(|puzzle| panic!("{puzzle:?}: {text}"));
    let default = found.get(ACCESS_TOKEN).cloned().flatten();
    let contexts = found.iter().filter_map(|(key, token)| {
        let name = key.strip_prefix("auth-contexts.")?;
        Some((name.to_owned(), token.as_ref()?.to_string()))
    });
    (default.map(|token| token.to_string()), contexts.collect())
}

fn default_token(text: &str) -> Option<String> {
    tokens(text).0
}

fn contexts(text: &str) -> Vec<(String, String)> {
    tokens(text).1
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, token): &(&str, &str)| ((*name).to_owned(), (*token).to_owned());
    pairs.iter().map(owned).collect()
}

/// As doctl writes it: every setting, sorted, nested, with lists.
const WRITTEN_BY_DOCTL: &str = r#"1-click:
  list:
    format: ""
    no-header: false
access-token: dop_v1_default
account:
  get:
    format: ""
api-url: ""
app:
  create:
    env: []
auth-contexts:
  sammy@example.com: dop_v1_sammy
  work: dop_v1_work
certificate:
  create:
    access-token: not-this-one
    auth-contexts:
      work: not-this-one
context: work
output: text
regions:
- nyc1
- access-token
trace: false
"#;

#[test]
fn both_kinds_of_tokens_are_found_among_all_that_doctl_writes() {
    let (default, contexts) = tokens(WRITTEN_BY_DOCTL);
    assert_eq!(default.as_deref(), Some("dop_v1_default"));
    let expected = [
        ("sammy@example.com", "dop_v1_sammy"),
        ("work", "dop_v1_work"),
    ];
    assert_eq!(contexts, owned(&expected));
}

#[test]
fn lines_may_end_as_they_do_on_windows_and_begin_with_a_mark() {
    let text = format!("\u{feff}{}", WRITTEN_BY_DOCTL.replace('\n', "\r\n"));
    assert_eq!(tokens(&text), tokens(WRITTEN_BY_DOCTL));
    assert_eq!(default_token("access-token: x").as_deref(), Some("x"));
}

#[test]
fn a_token_may_be_quoted_or_plain_with_a_comment_after_it() {
    for value in [
        "tok",
        "  tok  ",
        "tok # the first",
        "tok\t# the first",
        "'tok'",
        "\"tok\"",
        "'tok' # the first",
        "\"tok\"   ",
    ] {
        let text = format!("# of doctl\n\n---\naccess-token: {value}\n  # the end\n");
        assert_eq!(default_token(&text).as_deref(), Some("tok"), "{value}");
    }
    for (value, token) in [
        ("to#k", "to#k"),
        ("'to''k'", "to'k"),
        (r#""t\"o\\k\/""#, r#"t"o\k/"#),
        ("'to # k'", "to # k"),
        ("a:b", "a:b"),
    ] {
        let text = format!("access-token: {value}");
        assert_eq!(default_token(&text).as_deref(), Some(token), "{value}");
    }
}

#[test]
fn a_context_may_have_any_name_and_its_case_does_not_matter() {
    let text = "Auth-Contexts:\n    a.b@example.com: one\n    'quoted: name' : two\n    \"Third\": three\n    4: four";
    let expected = [
        ("4", "four"),
        ("a.b@example.com", "one"),
        ("quoted: name", "two"),
        ("third", "three"),
    ];
    assert_eq!(contexts(text), owned(&expected));
}

#[test]
fn no_tokens_are_none_however_that_is_written() {
    for text in [
        "",
        "# nothing\n",
        "---\n",
        "access-token:\n",
        "access-token: \"\"\nauth-contexts: {}\n",
        "access-token: ~\nauth-contexts: null # none\n",
        "access-token: null\nauth-contexts:\ncontext: default\n",
        "context: default\n...\n# the end\n",
    ] {
        assert_eq!(tokens(text), (None, Vec::new()), "{text}");
    }
    assert_eq!(
        contexts("auth-contexts:\n  work:\n"),
        owned(&[("work", "")])
    );
}

#[test]
fn a_name_that_doctl_took_apart_at_its_dots_is_put_together() {
    let text = "auth-contexts:\n  a: one\n  my:\n    team: two\n    Team.eu:\n      x: three\n      y:\n  z.z: four\n  no: {}\n";
    let expected = [
        ("a", "one"),
        ("my.team", "two"),
        ("my.team.eu.x", "three"),
        ("my.team.eu.y", ""),
        ("z.z", "four"),
    ];
    assert_eq!(contexts(text), owned(&expected));
    assert_eq!(
        contexts("auth-contexts: {my: {team: one}, other: two}"),
        owned(&[("my.team", "one"), ("other", "two")])
    );
}

#[test]
fn what_could_be_read_in_two_ways_is_refused_with_its_line() {
    for (line, text) in [
        (2, "access-token: one\naccess-token: two\n"),
        (2, "access-token: one\nACCESS-TOKEN: two\n"),
        (3, "auth-contexts:\n  a: one\nauth-contexts: {}\n"),
        (3, "auth-contexts:\n  a: one\n  A: two\n"),
        (4, "auth-contexts:\n  a.b: one\n  a:\n    b: two\n"),
        (1, "access-token: one\n  two\n"),
        (1, "access-token: |\n  one\n"),
        (1, "access-token: >-\n  one\n"),
        (1, "access-token: &anchor one\n"),
        (2, "other: &anchor one\naccess-token: *anchor\n"),
        (1, "access-token: !!str one\n"),
        (1, "access-token: [one]\n"),
        (1, "access-token: {one: two}\n"),
        (2, "auth-contexts:\n  a: [one]\n"),
        (2, "o: &a {access-token: one}\n<<: *a\n"),
        (2, "o: &a access-token\n*a : one\n"),
        (2, "---\n---\naccess-token: one\n"),
        (2, "access-token: one\n---\n"),
        (1, "- access-token: one\n"),
        (1, "access-token\n"),
        (1, "access-token:one\n"),
    ] {
        let puzzle = refused(text);
        assert_eq!(puzzle.line, line, "{}: {text}", puzzle.reason);
    }
}

#[test]
fn what_is_not_yaml_is_refused() {
    for text in [
        "access-token: 'one\n",
        "access-token: \"one\n",
        "access-token: 'one' two\n",
        "access-token: one: two\n",
        "auth-contexts:\n- a\n",
        "auth-contexts:\n  - a\n",
        "auth-contexts:\n  a: one\n b: two\n",
        "auth-contexts:\n\ta: one\n",
        "access-token: one\n...\nother: two\n",
        "note: [a, [b]\naccess-token: one\n",
        "access-token: one\raccess-token: two\n",
        "auth-contexts: work\n",
    ] {
        refused(text);
    }
    let deep = format!("auth-contexts: {}", "{a: ".repeat(100_000));
    refused(&deep);
    refused(&format!("note: {}", "[".repeat(100_000)));
}

#[test]
fn what_belongs_to_other_keys_is_passed_over() {
    for value in [
        "[]",
        "{}",
        "[\"a]\", ']b']",
        "[a#b, {c: [d]}] # e",
        "|\n  access-token: two",
        "\n- access-token: two",
        "\"\n  access-token: two\n  \"",
        "!tag &anchor {access-token: two}",
        "{[access-token]: two, ? a : b}",
    ] {
        let text = format!("note: {value}\naccess-token: one\n");
        assert_eq!(default_token(&text).as_deref(), Some("one"), "{value}");
    }
    // YAML 1.1 ends a line at this character. No version of YAML treats it as a space.
    assert_eq!(default_token("access-token\u{85}: one\n"), None);
}

#[track_caller]
fn refused(text: &str) -> Puzzle {
    match read(text) {
        Ok(_) => panic!("read: {text}"),
        Err(puzzle) => puzzle,
    }
}

#[test]
fn a_file_that_is_cut_anywhere_never_gives_a_token_to_another_context() {
    for end in 0..=WRITTEN_BY_DOCTL.len() {
        if read(&WRITTEN_BY_DOCTL[..end]).is_err() {
            continue;
        }
        let (default, contexts) = tokens(&WRITTEN_BY_DOCTL[..end]);
        assert!(
            "dop_v1_default".starts_with(&default.unwrap_or_default()),
            "{end}"
        );
        for (name, token) in contexts {
            let whole = format!("  {name}: {token}");
            assert!(WRITTEN_BY_DOCTL.contains(&whole), "{whole}");
        }
    }
}
