//! A statement that makes a table, index, view or trigger, as SQLite reads it: its tokens.
//!
//! Two statements mean the same when they have the same tokens; white space, comments and the case of words make no
//! difference. So the tokens have to be SQLite's own (`sqlite3GetToken` in <https://sqlite.org/src/file/src/tokenize.c>):
//! what is a comment here and a constraint there would be a hole. Names in quotes stay as they are, since a word in quotes
//! is never a keyword.

/// The tokens of a statement: words in lower case, texts and names in quotes as they are, all else a character each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement(Vec<String>);

impl Statement {
    pub(super) fn of(sql: &str) -> Self {
        let mut tokens = Vec::new();
        let mut rest = sql;
        while let Some(first) = rest.chars().next() {
            let length = match first {
                ' ' | '\t' | '\n' | '\r' | '\u{c}' => 1,
                '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
                '/' if rest.starts_with("/*") && rest.len() > 2 => end_of_comment(rest),
                _ => {
                    let length = length_of_token(rest, first);
                    tokens.push(token(&rest[..length]));
                    length
                }
            };
            rest = &rest[length..];
        }
        Self(tokens)
    }

    /// Whether it makes a unique index.
    pub(super) fn makes_unique_index(&self) -> bool {
        self.0.get(1).is_some_and(|word| word == "unique")
    }

    /// Whether an index does more than to sort by columns: it calls a function, or an operator that can fail or grow, or
    /// compares in a way that SQLite does not know by itself. It does so with each row that is written.
    pub(super) fn computes(&self) -> bool {
        let columns = self.0.iter().position(|token| token == "(");
        let tokens = columns.map_or(&self.0[..], |at| &self.0[at..]);
        tokens.windows(2).any(|pair| {
            let [before, token] = [pair[0].as_str(), pair[1].as_str()];
            let is_name =
                before.starts_with(|it| is_of_word(it) || matches!(it, '"' | '`' | '[' | '\''));
            let is_call = token == "(" && is_name && !BEFORE_GROUPS.contains(&before);
            let is_foreign = before == "collate" && !COLLATIONS.contains(&token);
            let is_operator = matches!((before, token), ("-", ">") | ("|", "|"));
            is_call || is_foreign || is_operator || CALLING_WORDS.contains(&token)
        })
    }
}

/// Words after which a bracket is not that of a function.
const BEFORE_GROUPS: [&str; 10] = [
    "in", "and", "or", "not", "where", "between", "when", "then", "else", "case",
];
/// Operators that are functions.
const CALLING_WORDS: [&str; 4] = ["like", "glob", "match", "regexp"];
/// Those that every connection has.
const COLLATIONS: [&str; 3] = ["binary", "nocase", "rtrim"];

/// The first `*/` after the opening: `/*/` is not closed yet.
fn end_of_comment(text: &str) -> usize {
    text[2..].find("*/").map_or(text.len(), |end| end + 4)
}

fn length_of_token(text: &str, first: char) -> usize {
    match first {
        '\'' | '"' | '`' => length_of_quoted(text, first),
        '[' => text.find(']').map_or(text.len(), |end| end + 1),
        // A blob: a word, but not without the text that follows at once.
        'x' | 'X' if text[1..].starts_with('\'') => 1 + length_of_quoted(&text[1..], '\''),
        _ if is_of_word(first) => text.find(|it| !is_of_word(it)).unwrap_or(text.len()),
        _ => first.len_utf8(),
    }
}

/// Letters, digits, and everything beyond ASCII, spaces of other scripts included.
fn is_of_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '$') || !character.is_ascii()
}

/// The length in bytes of a text or name in quotes, with them; a quote that is doubled stands for itself.
fn length_of_quoted(text: &str, quote: char) -> usize {
    let mut at = 1;
    while let Some(next) = text[at..].find(quote) {
        at += next + 1;
        if !text[at..].starts_with(quote) {
            return at;
        }
        at += 1;
    }
    text.len()
}

fn token(text: &str) -> String {
    if text.starts_with(is_of_word) {
        text.to_ascii_lowercase()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_difference_is_none() {
        let plain = Statement::of("CREATE TABLE a (b TEXT NOT NULL, c DEFAULT 'X  y')");
        for same in [
            "create table a(b text not null,c default 'X  y')",
            "CREATE  TABLE a (\n  b TEXT NOT NULL, -- why\n  c /* what */ DEFAULT 'X  y'\n)",
            "CREATE TABLE a (b TEXT\tNOT NULL , c DEFAULT 'X  y') -- end",
            "CREATE TABLE a (b TEXT/*/ what /*/NOT NULL, c DEFAULT 'X  y'/**/)",
        ] {
            assert_eq!(Statement::of(same), plain, "{same}");
        }
    }

    #[test]
    fn what_makes_a_difference_is_one() {
        let plain = Statement::of("CREATE TABLE a (b TEXT NOT NULL, c DEFAULT 'X  y')");
        for other in [
            "CREATE TABLE a (b TEXT NOT NULL, c DEFAULT 'x  y')",
            "CREATE TABLE a (b TEXT NOT NULL, c DEFAULT 'X y')",
            "CREATE TABLE a (b TEXT NOT NULL, c DEFAULT \"X  y\")",
            "CREATE TABLE a (bTEXT NOT NULL, c DEFAULT 'X  y')",
            "CREATE TABLE a (b TEXT NOT NULL, c DEFAULT 'X  y', CHECK (b))",
            "CREATE TABLE a (b TEXT, c DEFAULT 'X  y')",
            "CREATE TABLE a (b TEXT \"not\" NULL, c DEFAULT 'X  y')",
            "CREATE TABLE a (b TEXT NOT\u{a0}NULL, c DEFAULT 'X  y')",
            "CREATE TABLE a (b TEXT NOT NULL, c DEFAULT 'X  y''')",
            // Comments end where SQLite ends them, not where they seem to.
            "CREATE TABLE a (b TEXT NOT NULL, c DEFAULT 'X  y'/*/ -- */, CHECK (b)\n)",
            "CREATE TABLE a (b TEXT NOT NULL, c DEFAULT 'X  y' -- */\n, CHECK (b))",
            "CREATE TABLE a (b TEXT NOT NULL, c DEFAULT 'X  y')\0",
        ] {
            assert_ne!(Statement::of(other), plain, "{other}");
        }
        assert_ne!(Statement::of("x'00'"), Statement::of("x '00'"));
        assert_ne!(Statement::of("\"a\"\"b\""), Statement::of("ab"));
        assert_ne!(Statement::of("[a b]"), Statement::of("a b"));
    }

    #[test]
    fn a_text_that_never_ends_is_no_reason_to_stop() {
        for text in [
            "'", "\"", "/*", "/*/", "/", "--", "'é", "é", "x'", "``", "[", "",
        ] {
            let tokens = Statement::of(text).0;
            assert!(tokens.concat().len() <= text.len(), "{text}");
        }
    }

    #[test]
    fn an_index_that_only_sorts_is_told_from_one_that_computes() {
        for plain in [
            "CREATE INDEX a ON actions (type, started_at DESC)",
            "CREATE INDEX a ON actions (type COLLATE NOCASE) WHERE status = 'errored' AND (id > 7 OR type IS NULL)",
            "CREATE INDEX a ON actions (type) WHERE type IN ('reboot', 'abs(1)') AND NOT (id = 1)",
        ] {
            assert!(!Statement::of(plain).computes(), "{plain}");
        }
        for computing in [
            "CREATE INDEX a ON actions (abs(id))",
            "CREATE INDEX a ON actions (abs (id))",
            "CREATE INDEX a ON actions (\"abs\"(id))",
            "CREATE INDEX a ON actions (id) WHERE json_extract(extra, '$.x') = 1",
            "CREATE INDEX a ON actions (extra -> 'x')",
            "CREATE INDEX a ON actions (type || type)",
            "CREATE INDEX a ON actions (type COLLATE mine)",
            "CREATE INDEX a ON actions (id) WHERE type LIKE '%a%'",
            "CREATE INDEX a ON actions (CAST(id AS TEXT))",
        ] {
            assert!(Statement::of(computing).computes(), "{computing}");
        }
    }
}
