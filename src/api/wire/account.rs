//! What the answers say that are asked for the sake of the token: whose it is, and whether it may see a list at all. What
//! something else than the API answers is not taken for either.

use super::fields::Fields;
use super::{BodyError, parse, text, without};
use crate::core::model::{Account, Team};

/// What an answer may say of an account.
const OF_AN_ACCOUNT: [&str; 6] = ["uuid", "email", "name", "status", "droplet_limit", "team"];
/// The longest account that is read; one has some 500 bytes.
const MOST_ACCOUNT_BYTES: usize = 8 << 10;

/// The answer to the question whose token it is.
pub(in crate::api) fn account(body: &[u8]) -> Result<Account, BodyError> {
    let answer: Fields<'_> = parse(body)?;
    let raw = answer.get("account").ok_or_else(|| without("account"))?;
    let fields: Fields<'_> = parse(raw.as_bytes())?;
    if raw.len() > MOST_ACCOUNT_BYTES || OF_AN_ACCOUNT.iter().all(|it| fields.get(it).is_none()) {
        return Err(BodyError("its `account` is no account".to_owned()));
    }
    let team: Option<Fields<'_>> = match fields.get("team") {
        Some(raw) => Some(parse(raw.as_bytes())?),
        None => None,
    };
    Ok(Account {
        uuid: text(&fields, "uuid"),
        email: text(&fields, "email"),
        name: text(&fields, "name"),
        status: text(&fields, "status"),
        droplet_limit: fields.get("droplet_limit").and_then(|it| it.parse().ok()),
        team: team.map(|team| Team {
            uuid: text(&team, "uuid"),
            name: text(&team, "name"),
        }),
    })
}

/// Whether an answer is what it should be, as far as the list that it is about tells.
pub(in crate::api) fn holds_list(body: &[u8], member: &str) -> Result<(), BodyError> {
    let answer: Fields<'_> = parse(body)?;
    let raw = answer.get(member).ok_or_else(|| without(member))?;
    if raw.starts_with('[') {
        Ok(())
    } else {
        Err(BodyError(format!("its `{member}` is no list")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_as_far_as_it_says_something() {
        let whole = account(
            br#"{"account": {"uuid": "b6fr", "email": "sammy@example.com", "name": "Sammy", "status": "active",
                "droplet_limit": 25, "team": {"uuid": "5df3", "name": "My Team"}, "new": [1]}}"#,
        )
        .unwrap();
        assert_eq!(whole.email.as_deref(), Some("sammy@example.com"));
        assert_eq!(whole.droplet_limit, Some(25));
        assert_eq!(whole.team.unwrap().name.as_deref(), Some("My Team"));
        let odd = account(br#"{"account": {"uuid": 7, "team": null, "droplet_limit": "x"}}"#);
        assert_eq!(odd.unwrap(), Account::default());
        let long = format!(r#"{{"account": {{"uuid": "{}"}}}}"#, "x".repeat(1 << 20));
        for body in [
            "{}",
            "<html>",
            r#"{"account": null}"#,
            r#"{"account": []}"#,
            r#"{"account": "x"}"#,
            r#"{"account": {}}"#,
            r#"{"account": {"uuid": null, "id": 1}}"#,
            &long,
        ] {
            assert!(account(body.as_bytes()).is_err(), "{body:.100}");
        }
    }

    #[test]
    fn only_a_list_is_an_answer_to_the_question_for_one() {
        for body in [r#"{"sizes": []}"#, r#"{"x": 1, "sizes": [{"slug": "s"}]}"#] {
            assert_eq!(holds_list(body.as_bytes(), "sizes"), Ok(()));
        }
        for body in ["[]", "{}", "7", "{\"sizes\": ["] {
            assert!(holds_list(body.as_bytes(), "sizes").is_err(), "{body}");
        }
        for value in ["7", "false", "\"x\"", "{}", "null"] {
            let body = format!(r#"{{"sizes": {value}}}"#);
            assert!(holds_list(body.as_bytes(), "sizes").is_err(), "{body}");
        }
    }
}
