//! Numbers and lengths of time in words.

/// `52,292`
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How long ago something was, in its largest unit: `12 minutes ago`, `1 hour ago`. What lies ahead has no age.
#[must_use]
pub fn ago(age_seconds: Option<i64>) -> String {
    let Some(seconds) = age_seconds else {
        return "in the future, by a clock that was wrong".to_owned();
    };
    let seconds = seconds.unsigned_abs();
    for (length, name) in [
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
        (1, "second"),
    ] {
        if seconds >= length {
            return format!("{} ago", counted(seconds / length, name));
        }
    }
    "just now".to_owned()
}

/// `1 action`, `2 actions`
#[must_use]
pub fn counted(number: u64, name: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {name}{plural}", grouped(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (52_292, "52,292"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn a_while_is_told_in_its_largest_unit() {
        for (seconds, text) in [
            (0, "just now"),
            (1, "1 second ago"),
            (59, "59 seconds ago"),
            (119, "1 minute ago"),
            (7_199, "1 hour ago"),
            (86_400, "1 day ago"),
            (40 * 86_400, "40 days ago"),
        ] {
            assert_eq!(ago(Some(seconds)), text);
        }
        assert!(ago(None).contains("clock that was wrong"));
    }
}
