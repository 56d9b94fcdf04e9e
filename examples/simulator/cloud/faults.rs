//! The faults of an answer. `sabotage` and `delivery` apply them.

/// A fault of one answer. Times are in milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The documented JSON error with this status instead of the answer.
    Status(u16),
    /// A proxy's HTML page with this status instead of the answer.
    HtmlError(u16),
    /// A 429 with exactly these headers, valid or not.
    TooManyRequests {
        /// The header `retry-after`, if any.
        retry_after: Option<String>,
        /// The header `ratelimit-reset`; `None` for the true value.
        reset: Option<String>,
    },
    /// The connection is reset (RST) without an answer.
    Reset,
    /// The connection is reset in the middle of the body.
    ResetInBody,
    /// The connection is closed without an answer.
    CloseEarly,
    /// No answer at all, until the client gives up.
    Stall,
    /// Status and headers, then nothing.
    StallAfterHead,
    /// Half of the body, then nothing.
    StallInBody,
    /// The whole answer, head included, with this pause between two bytes.
    Drip(u64),
    /// The head at once, the body with this pause between two bytes.
    DripBody(u64),
    /// Half of the announced body, then a close.
    Truncated,
    /// Status 200 and valid HTTP, but JSON that ends in the middle.
    CutJson,
    /// Status 200 and an empty body.
    EmptyBody,
    /// A gzip body with garbage in its middle.
    BadGzip,
    /// A gzip body that decodes to this many bytes of white space.
    GzipBomb(u64),
    /// Status 200 with a proxy's HTML page.
    HtmlBody200,
    /// Status 200 with this body instead of the JSON.
    Body(String),
    /// The right JSON with this content type.
    WrongContentType(String),
    /// The right answer with this header set, or removed.
    Header(String, Option<String>),
    /// `links.pages.next` points to this origin (`http://127.0.0.1:4444`).
    ForeignNext(String),
    /// `links.pages.next` points to the page itself, on the last page too.
    LoopingNext,
    /// A 302 to this URL.
    Redirect(String),
    /// `meta.total` has this value.
    WrongTotal(i64),
    /// `meta.total` differs by this from the true value.
    TotalOffBy(i64),
    /// `meta` is empty.
    MissingTotal,
    /// This many of the page's last rows are missing.
    ShortPage(usize),
    /// This many of the page's first rows replace its last rows.
    RepeatedRows(usize),
    /// The page's rows come oldest first.
    UnknownOrder,
    /// Actions that ended have `completed_at: null` in listings.
    NullCompletedAt,
    /// The right answer, after this delay.
    Delay(u64),
    /// The right answer, sent once [`super::Cloud::release`] releases it. Its content is from the time of the request.
    Hold,
    /// The right answer, after this action, or any, was removed.
    RemoveAction(Option<i64>),
    /// The right answer, after this droplet was destroyed.
    DestroyDroplet(i64),
}

impl Fault {
    /// True when the answer is right nevertheless.
    pub(super) fn is_sound(&self) -> bool {
        matches!(
            self,
            Self::Delay(_) | Self::Hold | Self::RemoveAction(_) | Self::DestroyDroplet(_)
        )
    }
}

/// The effects of faults on a listing while it is rendered.
#[derive(Clone, Debug, Default)]
pub(super) struct Quirks {
    pub(super) foreign_next: Option<String>,
    pub(super) looping_next: bool,
    pub(super) hide_completed_at: bool,
    wrong_total: Option<i64>,
    total_off_by: i64,
    without_total: bool,
    short_by: usize,
    repeated: usize,
    reversed: bool,
}

impl Quirks {
    pub(super) fn of(faults: &[Fault]) -> Self {
        let mut quirks = Self::default();
        for fault in faults {
            match fault {
                Fault::ForeignNext(origin) => {
                    quirks.foreign_next = Some(origin.trim_end_matches('/').to_owned());
                }
                Fault::LoopingNext => quirks.looping_next = true,
                Fault::NullCompletedAt => quirks.hide_completed_at = true,
                Fault::WrongTotal(total) => quirks.wrong_total = Some(*total),
                Fault::TotalOffBy(difference) => quirks.total_off_by = *difference,
                Fault::MissingTotal => quirks.without_total = true,
                Fault::ShortPage(rows) => quirks.short_by = *rows,
                Fault::RepeatedRows(rows) => quirks.repeated = *rows,
                Fault::UnknownOrder => quirks.reversed = true,
                _ => {}
            }
        }
        quirks
    }

    /// The `meta.total` to show, if any.
    pub(super) fn total(&self, total: usize) -> Option<i64> {
        let total = i64::try_from(total).unwrap_or(i64::MAX);
        let total = self
            .wrong_total
            .unwrap_or_else(|| total.saturating_add(self.total_off_by));
        (!self.without_total).then_some(total)
    }

    /// The rows to show instead of these.
    pub(super) fn rows(&self, mut rows: Vec<usize>) -> Vec<usize> {
        let repeated = self.repeated.min(rows.len());
        let kept = rows.len() - repeated;
        rows.copy_within(..repeated, kept);
        if self.reversed {
            rows.reverse();
        }
        rows.truncate(rows.len().saturating_sub(self.short_by));
        rows
    }
}
