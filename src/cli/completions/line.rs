//! The words of a line that a shell is still reading: the last one may be unfinished, and its quotation open.

/// The words of the last command of a line. The last word is empty after a blank.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quotation = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (quotation, character) {
            (Some(mark), _) if mark == character => quotation = None,
            (None, '\'' | '"') => quotation = Some(character),
            (None | Some('"'), '\\') => push(&mut words, characters.next()),
            (None, ' ' | '\t' | '\n') => {
                if words.last().is_some_and(|word| !word.is_empty()) {
                    words.push(String::new());
                }
            }
            (None, ';' | '|' | '&' | '(') => words = vec![String::new()],
            _ => push(&mut words, Some(character)),
        }
    }
    // Variables that are set for this command alone.
    let is_setting = |word: &&String| word.contains('=');
    let settings = words.iter().take_while(is_setting).count();
    words.split_off(settings)
}

fn push(words: &mut [String], character: Option<char>) {
    if let Some(word) = words.last_mut() {
        word.extend(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_words_that_the_shell_will_see() {
        for (line, expected) in [
            ("archiver query --ty", &["archiver", "query", "--ty"][..]),
            ("archiver  query ", &["archiver", "query", ""]),
            (
                "archiver query --type '!po",
                &["archiver", "query", "--type", "!po"],
            ),
            (
                "archiver show \"a b\"c\\ d",
                &["archiver", "show", "a bc d"],
            ),
            ("ls; X=1 Y= archiver sy", &["archiver", "sy"]),
            ("", &[""]),
        ] {
            assert_eq!(words(line), expected, "{line}");
        }
    }
}
