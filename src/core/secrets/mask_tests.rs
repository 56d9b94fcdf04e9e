//! Every long enough part of a token is removed, in any spelling, and nothing else is.

use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const CANARY: &str = "dop_v1_0123456789abcdef0123456789abcdef0123456789abcdef0123456789canary";

#[test]
fn the_token_is_taken_out_wherever_it_stands() {
    let mask = Mask::new(CANARY);
    for (text, expected) in [
        (format!("you sent {CANARY}."), "you sent [token]"),
        (format!("Bearer {CANARY}{CANARY}"), "Bearer [token]"),
        (CANARY.to_owned(), "[token]"),
        ("nothing".to_owned(), "nothing"),
        (String::new(), ""),
    ] {
        assert_eq!(mask.taken_out_of(Cow::Borrowed(&text)), expected);
        let body = mask.taken_out_of_body(text.as_bytes());
        assert_eq!(*body, *expected.as_bytes());
    }
    let broken = [b"\xff you sent ", CANARY.as_bytes()].concat();
    let body = mask.taken_out_of_body(&broken);
    assert_eq!(String::from_utf8_lossy(&body), "\u{fffd} you sent [token]");
}

#[test]
fn the_token_is_taken_out_with_escapes_in_it_and_all_else_means_what_it_meant() {
    let mask = Mask::new(CANARY);
    let all: String = CANARY.bytes().map(|it| format!("\\u{it:04x}")).collect();
    let some = CANARY.replace('c', "\\u0063").replace('_', "\\u005F");
    let body = format!(
        r#"{{"{all}": "{some}", "a": "\u0022\u005c\\u0064\/\u00e9\n\ud83d\ude00", "b": "{CANARY}"}}"#
    );
    let clean = mask.taken_out_of_body(body.as_bytes());
    let read: Value = serde_json::from_slice(&clean).unwrap();
    let expected = json!(
        {"[token]": "[token]", "a": "\"\\\\u0064/é\n\u{1f600}", "b": "[token]"}
    );
    assert_eq!(read, expected);
    let broken = [b"\xff", some.as_bytes()].concat();
    assert_eq!(*mask.taken_out_of_body(&broken), *"[token]".as_bytes());
    let slashed = Mask::new("a/token/with/slashes")
        .taken_out_of_body(br#""a\/token\/with/slashes""#)
        .into_owned();
    assert_eq!(slashed, br#""[token]""#);
}

#[test]
fn an_escape_beside_a_part_is_taken_out_whole() {
    let mask = Mask::new(&format!("{CANARY}\\"));
    let part = &CANARY[8..];
    for written in [
        format!(r"\u0000{part}"),
        format!(r"\u0001{part}"),
        format!(r"\ud83d\ude00{part}"),
        format!(r"{part}\n"),
        format!(r"{part}\\"),
        format!(r#"{part}\""#),
    ] {
        let body = format!(r#"{{"{written}": "{written}"}}"#);
        let clean = mask.taken_out_of_body(body.as_bytes()).into_owned();
        let read: Value = serde_json::from_slice(&clean).unwrap();
        assert_eq!(read, json!({"[token]": "[token]"}), "{body}");
    }
}

#[test]
fn what_does_not_hold_the_token_is_not_copied() {
    let mask = Mask::new(CANARY);
    let body = format!("{{\"actions\": [\"{}\"]}}", &CANARY[52..]);
    let clean = mask.taken_out_of_body(body.as_bytes());
    assert!(matches!(clean, Cow::Borrowed(_)));
    let escaped = mask.taken_out_of_body(br#"{"x": "a\u0026b\\ \u00"}"#);
    assert!(matches!(escaped, Cow::Borrowed(_)));
}

#[test]
fn a_text_that_is_too_short_to_be_a_token_alters_no_answer() {
    let body = Mask::new("a")
        .taken_out_of_body(b"{\"actions\": []}")
        .into_owned();
    assert_eq!(body, b"{\"actions\": []}");
}
#[test]
fn an_id_stays_an_id_whatever_the_token_is() {
    let body = br#"{"actions": [{"id": 2595000783, "note": "2595000783"}], "meta": {"total": 1}}"#;
    let clean = Mask::new("2595000783").taken_out_of_body(body).into_owned();
    let expected = br#"{"actions": [{"id": 2595000783, "note": "[token]"}], "meta": {"total": 1}}"#;
    assert_eq!(clean, expected);
    // Decimal digits written in hexadecimal are decimal digits again, and a JSON number may have any length.
    let body = format!(
        r#"{{"id": 1, "n": -{}}}"#,
        hexadecimal(&CANARY.as_bytes()[7..17]).repeat(2)
    );
    let token = CANARY.replace("0123456789abcdef0123456789abcdef", "01234567890123456789");
    let clean = Mask::new(&token)
        .taken_out_of_body(body.as_bytes())
        .into_owned();
    assert_eq!(clean, br#"{"id": 1, "n": "[token]"}"#);
}

#[test]
fn texts_and_long_numbers_are_told_from_all_else() {
    let token = "12345678901234567890123";
    let json = r#"{"a\"\\": [-9223372036854775808, TOKEN, true, "", "TOKEN"], "é TOKEN" :  TOKEN1 , "b": 1.5e3}"#;
    let clean = Mask::new(token)
        .taken_out_of_body(json.replace("TOKEN", token).as_bytes())
        .into_owned();
    let expected = r#"{"a\"\\": [-9223372036854775808, "[token]", true, "", "[token]"], "é [token]" :  "[token]" , "b": 1.5e3}"#;
    assert_eq!(String::from_utf8_lossy(&clean), expected);
    for broken in ["{", "<p>\"x\"</p>", "\"x", "{} \"x"] {
        let clean = Mask::new(token)
            .taken_out_of_body(format!("{token} {broken}").as_bytes())
            .into_owned();
        assert_eq!(String::from_utf8_lossy(&clean), format!("[token] {broken}"));
    }
}

#[test]
fn a_token_that_is_shorter_than_a_part_is_taken_out_whole_and_in_no_part() {
    let mask = Mask::new("dop_v1_simulator");
    for (text, expected) in [
        ("you sent dop_v1_simulator.", "you sent [token]"),
        ("you sent DOP_V1_SIMULATOR.", "you sent [token]"),
        ("the dop_v1_simulato of old", "the dop_v1_simulato of old"),
        ("a simulator", "a simulator"),
    ] {
        assert_eq!(mask.taken_out_of(Cow::Borrowed(text)), expected);
    }
}

#[test]
fn base64_and_hexadecimal_digits_are_written_as_everybody_does() {
    let base64 = |bytes: &[u8]| {
        let spelt = in_base64(bytes).map(|it| String::from_utf8(it.to_vec()).unwrap());
        spelt.collect::<Vec<_>>()
    };
    assert_eq!(base64(b"Man Ma")[0], "TWFuIE1h");
    // `TWFuIE1h` again, without the digits that need `M` or `Ma` too.
    assert_eq!(base64(b"an Ma")[2], "FuIE1h");
    assert_eq!(base64(b"n Ma")[4], "uIE1h");
    assert_eq!(base64(b"Man M")[0], "TWFuIE");
    assert_eq!(base64(b"\xfb\xff\xbf")[1], "-_-_");
    assert_eq!(**in_hexadecimal(b"\x00do\xff"), *b"00646fff");
    for bytes in [&b""[..], b"M"] {
        assert_eq!(base64(bytes).len(), 6);
    }
}

#[test]
fn escapes_are_undone() {
    for (lead, text, expected) in [
        (
            b'\\',
            r"a\u0064b\/\\u0064\n\u00e9\u00",
            r"adb/\u0064\n\u00e9\u00",
        ),
        (b'\\', r"\", r"\"),
        (b'%', "a%64%6F%zz%c3%20%", "ado%zz%c3%20%"),
        (b'%', r"\u0064", r"\u0064"),
    ] {
        let plain = unescaped(text.as_bytes(), lead);
        assert_eq!(String::from_utf8_lossy(&plain), expected);
    }
}

#[test]
fn grams_are_found_at_any_place_in_any_case_and_only_those_that_are_there() {
    let mask = Mask::new("dop_v1_c0ffee1d5a9b3e");
    for shift in 0..20 {
        let text = format!("{}DOP_v1_c0ffee1d5a9b3e{{}}", " ".repeat(shift));
        assert!(mask.may_be_in(text.as_bytes(), &[]), "{shift}");
    }
    for text in [
        "",
        "dop_v1_",
        "dop_v1_another",
        "c0ffee1e5a9b3f",
        "{\"id\": 1}",
    ] {
        for start in 0..text.len() {
            assert!(!mask.may_be_in(&text.as_bytes()[start..], &[]), "{text}");
        }
    }
}

const ALPHABETS: [&[u8; 64]; 2] = [
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
];

/// A way to write bytes.
type Form = fn(&[u8]) -> String;

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn percent(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
}

fn json_escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\u{byte:04x}")).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn base64(bytes: &[u8], alphabet: &[u8; 64], padding: &str) -> String {
    let groups = bytes.chunks(3).map(|group| {
        let bits = group
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - group.len()));
        let digits = (0..=group.len()).map(|it| alphabet[(bits >> (18 - 6 * it) & 63) as usize]);
        digits.map(char::from).collect::<String>() + &padding.repeat(3 - group.len())
    });
    groups.collect()
}

const FORMS: [Form; 12] = [
    text,
    |bytes| text(bytes).to_uppercase(),
    |bytes| text(bytes).to_lowercase(),
    |bytes| text(bytes).chars().rev().collect(),
    percent,
    |bytes| percent(bytes).to_lowercase(),
    // Only every second character.
    |bytes| {
        bytes
            .chunks(2)
            .map(|two| text(&two[..1]) + &percent(&two[1..]))
            .collect()
    },
    hexadecimal,
    |bytes| hexadecimal(bytes).to_uppercase(),
    |bytes| base64(bytes, ALPHABETS[0], "="),
    |bytes| base64(bytes, ALPHABETS[1], ""),
    json_escaped,
];

/// Checks for twenty characters of a token, without the code of the mask.
struct Traces(HashSet<Vec<u8>>);

impl Traces {
    /// The number of base64 digits that 20 bytes determine, at any offset.
    const LENGTHS: [usize; 3] = [PART, 26, 2 * PART];

    fn of(token: &str) -> Self {
        let digits = hexadecimal(token.as_bytes());
        let token = token.to_lowercase();
        let reversed: String = token.chars().rev().collect();
        let mut traces = HashSet::new();
        traces.extend(token.as_bytes().windows(PART).map(<[u8]>::to_vec));
        traces.extend(reversed.as_bytes().windows(PART).map(<[u8]>::to_vec));
        traces.extend(
            digits
                .as_bytes()
                .windows(2 * PART)
                .step_by(2)
                .map(<[u8]>::to_vec),
        );
        Self(traces)
    }

    /// The same check for base64, which is case-sensitive.
    fn with_base64(mut self, token: &str) -> Self {
        for (alphabet, before) in ALPHABETS
            .into_iter()
            .flat_map(|it| [(it, 0), (it, 1), (it, 2)])
        {
            let all = base64(
                &[&[0; 2][..before], token.as_bytes()].concat(),
                alphabet,
                "",
            );
            let sure = &all.as_bytes()[(before * 8).div_ceil(6)..(before + token.len()) * 8 / 6];
            self.0.extend(sure.windows(26).map(<[u8]>::to_vec));
        }
        self
    }

    fn are_in(&self, text: &str) -> bool {
        let texts = [text.to_owned(), undone(text, "%"), undone(text, "\\u00")];
        let texts = texts
            .iter()
            .flat_map(|text| [text.clone(), text.to_lowercase()]);
        texts.into_iter().any(|text| {
            let mut windows = Self::LENGTHS
                .iter()
                .flat_map(|it| text.as_bytes().windows(*it));
            windows.any(|window| self.0.contains(window))
        })
    }
}

/// A text without the escapes that begin with `lead` and have two hexadecimal digits.
fn undone(text: &str, lead: &str) -> String {
    let mut pieces = text.split(lead);
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |plain, piece| {
        let code = piece
            .get(..2)
            .and_then(|it| u8::from_str_radix(it, 16).ok());
        match code.filter(u8::is_ascii) {
            Some(code) => format!("{plain}{}{}", char::from(code), &piece[2..]),
            None => plain + lead + piece,
        }
    })
}

/// All texts of a JSON value, including its numbers and member names.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(members) => {
            let texts = members
                .iter()
                .map(|(name, value)| [vec![name.clone()], texts(value)].concat());
            texts.flatten().collect()
        }
        other => vec![other.to_string()],
    }
}

/// An answer of the API with a text in every possible place.
fn answer(text: &str) -> Value {
    let region = json!({"slug": text, "name": text, "features": [text], "sizes": [text], text: 1});
    json!({
        "id": text, "message": format!("you sent {text}."), "request_id": text,
        "actions": [{"id": 36_804_636, "type": text, "region": region, "note": {"deep": [text]}}],
        "droplets": [{"id": 3_164_444, "name": format!("web-{text}"), "tags": [text]}],
        "account": {"email": format!("{text}@example.com")}, "meta": {"total": 1},
    })
}

fn tokens() -> impl Strategy<Value = String> {
    prop_oneof![
        "dop_v1_[0-9a-f]{64}",
        "[!-~]{20,80}",
        "[A-Za-z0-9+/]{24,60}={0,2}"
    ]
}

/// A token, and a part of it with the given length.
fn tokens_and_parts(
    lengths: impl Fn(usize) -> std::ops::RangeInclusive<usize>,
) -> impl Strategy<Value = (String, Vec<u8>)> {
    (
        tokens(),
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
    )
        .prop_map(move |(token, length, start)| {
            let lengths = lengths(token.len());
            let length = lengths.start() + length.index(lengths.end() - lengths.start() + 1);
            let start = start.index(token.len() - length + 1);
            let part = token.as_bytes()[start..start + length].to_vec();
            (token, part)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_part_of_a_token_is_left_in_whatever_form_and_place(
        (token, part) in tokens_and_parts(|length| PART..=length),
        form in 0..FORMS.len(),
        around in ("[ -\\[\\]-~]{0,3}", "[ -\\[\\]-~]{0,3}"),
    ) {
        let mask = Mask::new(&token);
        let traces = Traces::of(&token).with_base64(&token);
        let (before, after) = (around.0.as_bytes(), around.1.as_bytes());
        for written in [
            format!("{}{}{}", around.0, FORMS[form](&part), around.1),
            FORMS[form](&[before, &part, after].concat()),
        ] {
            prop_assert!(traces.are_in(&written), "{}", written);
            for shown in [format!("<p>{written}</p>"), written.clone()] {
                let clean = mask.taken_out_of(Cow::Borrowed(&shown));
                prop_assert!(!traces.are_in(&clean), "{clean}");
                let clean = mask.taken_out_of_body(shown.as_bytes());
                prop_assert!(!traces.are_in(&text(&clean)), "{}", text(&clean));
            }
            let answer = answer(&written);
            let clean = mask.taken_out_of_body(answer.to_string().as_bytes()).into_owned();
            let read: Value = serde_json::from_slice(&clean).unwrap();
            for text in texts(&read).into_iter().collect::<HashSet<_>>() {
                prop_assert!(!traces.are_in(&text), "{text}");
            }
            prop_assert_eq!(&read["actions"][0]["id"], &answer["actions"][0]["id"]);
            prop_assert_eq!(&read["droplets"][0]["id"], &answer["droplets"][0]["id"]);
            prop_assert_eq!(&read["meta"], &answer["meta"]);
        }
    }

    #[test]
    fn json_stays_json_whatever_escapes_stand_beside_the_parts_of_a_token(
        token in prop_oneof!["[0-9a-f]{40,70}", r#"[0du"n\\]{40,70}"#],
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
        escape in r#"\\u00[0-9a-f]{2}|\\ud83d\\ude0[0-9a-f]|\\[bfnrt/"\\]"#,
    ) {
        let mut cuts: Vec<_> = cuts.iter().map(|it| it.index(token.len())).collect();
        cuts.extend([0, token.len()]);
        cuts.sort_unstable();
        let parts = cuts.windows(2).map(|cut| {
            let part = Value::from(&token[cut[0]..cut[1]]).to_string();
            part[1..part.len() - 1].to_owned()
        });
        let written = parts.collect::<Vec<_>>().join(&escape);
        let body = format!(r#"{{"id": 1, "texts": ["{written}", "{escape}"], "{written}": 2}}"#);
        let before: Value = serde_json::from_str(&body).unwrap();
        let clean = Mask::new(&token).taken_out_of_body(body.as_bytes()).into_owned();
        let after: Value = serde_json::from_slice(&clean).unwrap();
        prop_assert_eq!(after.as_object().unwrap().len(), 3);
        prop_assert_eq!(&after["id"], &before["id"]);
        prop_assert_eq!(&after["texts"][1], &before["texts"][1]);
    }

    #[test]
    fn less_of_a_token_and_other_digits_are_left_alone(
        (token, part) in tokens_and_parts(|_| 1..=PART - 1),
        form in 0..FORMS.len(),
        other in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mask = Mask::new(&token);
        let part = FORMS[form](&part);
        let other = format!("{} {}", hexadecimal(&other), base64(&other, ALPHABETS[0], "="));
        for text in [part, other] {
            let text = format!(" {text} ");
            prop_assert_eq!(mask.taken_out_of(Cow::Borrowed(&text)), text.as_str());
            let body = answer(&text).to_string();
            prop_assert_eq!(mask.taken_out_of_body(body.as_bytes()), body.as_bytes());
        }
    }
}
