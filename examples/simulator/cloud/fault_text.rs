//! Faults in their text form: `500@page=3`, `reset@path=/v2/actions,nth=2`, `drip:50`.

use std::str::FromStr;

use super::faults::Fault;
use super::rules::FaultRule;

/// The syntax of faults, for the help of a command line.
pub(super) const SYNTAX: &str = "\
FAULT[@KEY=VALUE[,KEY=VALUE...]], where KEY is path, page, from-page, nth, times or p (probability), and FAULT one of
500 (or another status), html:502, too-many[:RETRY_AFTER], reset, reset-in-body, close, stall,
stall-after-head, stall-in-body, drip:MS, drip-body:MS, truncated, cut-json, empty, bad-gzip,
gzip-bomb:BYTES, html, body:TEXT, content-type:TYPE, foreign-next:ORIGIN, looping-next, redirect:URL,
total:N, total-off:N, no-total, short-page:N, repeated-rows:N, reversed, null-completed-at, delay:MS,
remove[:ACTION_ID] or destroy:DROPLET_ID before the answer";

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text
            .split_once(':')
            .map_or((text, None), |(name, value)| (name, Some(value)));
        if let Ok(status) = name.parse() {
            return Ok(Self::Status(status));
        }
        if let Some(fault) = plain(name, value) {
            return Ok(fault);
        }
        let value = value.ok_or_else(|| format!("`{text}` is no fault, or lacks its value"))?;
        let owned = value.to_owned();
        Ok(match name {
            "html" => Self::HtmlError(number(value)?),
            "drip" => Self::Drip(number(value)?),
            "drip-body" => Self::DripBody(number(value)?),
            "gzip-bomb" => Self::GzipBomb(number(value)?),
            "delay" => Self::Delay(number(value)?),
            "remove" => Self::RemoveAction(Some(number(value)?)),
            "destroy" => Self::DestroyDroplet(number(value)?),
            "total" => Self::WrongTotal(number(value)?),
            "total-off" => Self::TotalOffBy(number(value)?),
            "short-page" => Self::ShortPage(number(value)?),
            "repeated-rows" => Self::RepeatedRows(number(value)?),
            "body" => Self::Body(owned),
            "content-type" => Self::WrongContentType(owned),
            "foreign-next" => Self::ForeignNext(owned),
            "redirect" => Self::Redirect(owned),
            _ => return Err(format!("`{name}` is no fault")),
        })
    }
}

/// The faults that have no value, or need none.
fn plain(name: &str, value: Option<&str>) -> Option<Fault> {
    if name == "too-many" {
        return Some(Fault::TooManyRequests {
            retry_after: value.map(str::to_owned),
            reset: None,
        });
    }
    if value.is_some() {
        return None;
    }
    Some(match name {
        "reset" => Fault::Reset,
        "reset-in-body" => Fault::ResetInBody,
        "close" => Fault::CloseEarly,
        "stall" => Fault::Stall,
        "stall-after-head" => Fault::StallAfterHead,
        "stall-in-body" => Fault::StallInBody,
        "truncated" => Fault::Truncated,
        "cut-json" => Fault::CutJson,
        "empty" => Fault::EmptyBody,
        "bad-gzip" => Fault::BadGzip,
        "html" => Fault::HtmlBody200,
        "looping-next" => Fault::LoopingNext,
        "no-total" => Fault::MissingTotal,
        "reversed" => Fault::UnknownOrder,
        "null-completed-at" => Fault::NullCompletedAt,
        "remove" => Fault::RemoveAction(None),
        _ => return None,
    })
}

impl FaultRule {
    /// The syntax of the text form.
    pub fn syntax() -> &'static str {
        SYNTAX
    }
}

impl FromStr for FaultRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (fault, conditions) = text.rsplit_once('@').unwrap_or((text, ""));
        let mut rule = Self::new(fault.parse()?);
        for condition in conditions
            .split(',')
            .filter(|condition| !condition.is_empty())
        {
            let (key, value) = condition
                .split_once('=')
                .ok_or_else(|| format!("`{condition}` should be KEY=VALUE"))?;
            rule = match key {
                "path" => rule.path(value),
                "page" => rule.page(number(value)?),
                "from-page" => rule.pages_from(number(value)?),
                "nth" => rule.nth(number(value)?),
                "times" => rule.times(number(value)?),
                "p" => rule.probability(number(value)?, 7),
                _ => {
                    return Err(format!(
                        "`{key}` is not path, page, from-page, nth, times or p"
                    ));
                }
            };
        }
        Ok(rule)
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not a number that fits here"))
}
