//! The display of a running sync: a bar on a terminal, lines for `-v`, nothing from cron.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use archiver::api::{self, ErrorKind};
use archiver::archive::{ListingKind, RunId};
use archiver::core::cancellation::Cancellation;
use archiver::core::threads;
use archiver::core::threads::lock;
use archiver::core::time::{Timestamp, duration_text};
use archiver::output::{grouped, visible};
use archiver::query::status::counted;
use archiver::sync::{Event, ListingResult, Observer};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::terminal::{Terminal, lead_of};

/// The time between two movements of the bar while nothing else moves it.
const TICK: Duration = Duration::from_millis(120);
/// A rate over a shorter time than this is a guess.
const SURE_AFTER: Duration = Duration::from_secs(2);

/// Shows the progress. All clones share one display.
#[derive(Clone)]
pub(super) struct Progress {
    terminal: Terminal,
    bar: ProgressBar,
    /// The bars of all accounts.
    bars: MultiProgress,
    shown: Arc<Mutex<Shown>>,
}

#[derive(Default)]
struct Shown {
    /// Archived and total actions of each listing.
    listings: BTreeMap<ListingKind, (u64, u64)>,
    /// The pages of this sync, and their actions.
    pages: u64,
    actions: u64,
    is_answered: bool,
    /// The reason for a wait, and its end.
    wait: Option<(String, Instant)>,
    is_stopping: bool,
    /// When the sync began; `None` until then, and nothing is drawn.
    begun_at: Option<Instant>,
    requests_left: Option<u64>,
    /// The number of the sync.
    run: Option<RunId>,
}

impl Progress {
    pub(super) fn new(terminal: Terminal) -> Self {
        Self::among(terminal, &MultiProgress::new())
    }

    /// A display below those of other accounts.
    pub(super) fn among(terminal: Terminal, bars: &MultiProgress) -> Self {
        let bar = bar(terminal, bars, "{spinner} {prefix}{wide_msg}");
        let bar = bar.with_prefix(lead_of(terminal.account));
        Self {
            terminal,
            bar,
            bars: bars.clone(),
            shown: Arc::default(),
        }
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.shown().begun_at = None;
        self.bar.finish_and_clear();
        self.bars.remove(&self.bar);
    }

    /// Shows that the sync stops, once a signal asks for it.
    pub(super) async fn stop_at(self, cancellation: Cancellation) {
        cancellation.requested(1).await;
        self.change(|shown| shown.is_stopping = true);
    }

    /// Shows an event of the client.
    pub(super) fn client_event(&self, event: &api::Event<'_>) {
        match event {
            api::Event::Sent { request } => {
                // A wait is over.
                self.change(|_| {});
                self.detail(2, request);
            }
            api::Event::Retrying {
                request,
                reason,
                wait,
            } => {
                let seconds = wait.as_secs_f64();
                self.wait(&retrying(reason, *wait), *wait);
                self.detail(1, &format!("{request}: {reason}; again in {seconds:.1} s"));
            }
            api::Event::Waiting { limit, wait } if wait.as_secs() >= 1 => {
                let until = until(*wait);
                let text = format!("waiting for the rate limit ({limit}) until {until}");
                self.wait(&text, *wait);
                self.detail(2, &text);
            }
            api::Event::Waiting { .. } => {}
            api::Event::Answered { limit } => self.change(|shown| {
                shown.requests_left = limit.remaining;
                shown.is_answered = true;
            }),
        }
    }

    fn wait(&self, text: &str, wait: Duration) {
        let until = Instant::now().checked_add(wait);
        self.change(|shown| shown.wait = until.map(|until| (text.to_owned(), until)));
    }

    fn change(&self, change: impl FnOnce(&mut Shown)) {
        let mut shown = self.shown();
        change(&mut shown);
        let Some(begun_at) = shown.begun_at.filter(|_| !self.bar.is_hidden()) else {
            return;
        };
        let (archived, total) = shown.progress();
        let text = shown.text(begun_at.elapsed());
        drop(shown);
        if total > 0 && self.bar.length() == Some(0) {
            self.bar
                .set_style(style("{spinner} {prefix}{bar:12} {wide_msg}"));
        }
        self.bar.set_length(total);
        self.bar.set_position(archived);
        self.bar.set_message(visible(&text).into_owned());
    }

    /// The terminal for messages about this sync.
    pub(super) fn terminal(&self) -> Terminal {
        self.terminal.about(self.shown().run)
    }

    /// Keeps the bar moving from now on. The steady tick of `indicatif` panics when no thread is available.
    fn keep_moving(&self) {
        if self.bar.is_hidden() {
            return;
        }
        self.change(|shown| shown.begun_at = Some(Instant::now()));
        let bar = self.bar.downgrade();
        let tick = move || {
            while let Some(bar) = bar.upgrade().filter(|bar| !bar.is_finished()) {
                bar.tick();
                thread::sleep(TICK);
            }
        };
        // Without a thread the bar stands still at times.
        let _ = threads::spawn(tick);
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        lock(&self.shown)
    }

    /// Prints something without the bars, also without those of other accounts.
    pub(super) fn suspended(&self, print: impl FnOnce()) {
        self.bars.suspend(print);
    }

    fn detail(&self, verbosity: u8, text: &str) {
        let terminal = self.terminal();
        self.suspended(|| terminal.detail(verbosity, text));
    }

    fn warning(&self, text: &str) {
        let terminal = self.terminal();
        self.suspended(|| terminal.warning(text));
    }
}

impl Observer for Progress {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::Began { run } => {
                self.shown().run = Some(*run);
                self.keep_moving();
            }
            Event::Opened { listing } => {
                self.detail(1, &format!("reading {}", listing.path()));
            }
            Event::Archived {
                listing,
                covered,
                total,
                recorded,
                ..
            } => self.change(|shown| {
                shown.pages += 1;
                shown.actions += recorded.inserted + recorded.updated + recorded.unchanged;
                shown.listings.insert(*listing, (*covered, *total));
            }),
            Event::Rejected { listing, row } => {
                let (path, reason) = (listing.path(), &row.reason);
                let text = format!("{path}: a row was left out: {reason}: {}", row.excerpt);
                self.warning(&text);
            }
            Event::Inconsistent {
                listing,
                inconsistency,
            } => {
                let path = listing.path();
                let text = format!("{path}: {inconsistency}; reading it again from its first page");
                self.detail(1, &text);
            }
            Event::Closed { listing, result } => {
                self.detail(1, &format!("{}: {}", listing.path(), ended(result)));
            }
            Event::Notice { text } => self.detail(u8::from(!self.terminal.is_interactive), text),
            Event::Warning { text } => self.warning(text),
        }
    }
}

/// `complete, 40 actions`
fn ended(result: &ListingResult) -> String {
    match result {
        ListingResult::Complete { total } => {
            format!("{}, {}", result.as_str(), counted(*total, "action"))
        }
        _ => result.as_str().to_owned(),
    }
}

impl Shown {
    /// The archived and the known actions.
    fn progress(&self) -> (u64, u64) {
        // A server may send any number as a total.
        let sum = |part: fn(&(u64, u64)) -> u64| {
            let parts = self.listings.values().map(part);
            parts.fold(0, u64::saturating_add)
        };
        (sum(|listing| listing.0), sum(|listing| listing.1))
    }

    /// The line beside the bar. The most important part comes first, because a narrow terminal cuts the end off.
    fn text(&self, elapsed: Duration) -> String {
        let (archived, total) = self.progress();
        let so_far = format!("{} of {} actions", grouped(archived), grouped(total));
        let so_far = Some(so_far).filter(|_| total > 0);
        let wait = self.wait.as_ref();
        let doing = match wait.filter(|(_, until)| Instant::now() < *until) {
            _ if self.is_stopping => {
                "stopping: archiving the pages under way; Ctrl-C again ends it"
            }
            Some((text, _)) => text,
            None if !self.is_answered => "connecting to the API",
            None => return self.reading(so_far, elapsed),
        };
        let parts = [Some(doing.to_owned()), so_far];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }

    fn reading(&self, so_far: Option<String>, elapsed: Duration) -> String {
        let (archived, total) = self.progress();
        let seconds = elapsed.as_secs().max(1);
        let is_sure = elapsed >= SURE_AFTER && self.actions > 0;
        let missing = total.saturating_sub(archived);
        let left = missing.saturating_mul(seconds).checked_div(self.actions);
        let left = left.filter(|_| is_sure && missing > 0);
        let left = left.map(|left| duration_text(i64::try_from(left).unwrap_or(i64::MAX)));
        let requests = self.requests_left.map(grouped);
        let parts = [
            Some(so_far.unwrap_or_else(|| "reading".to_owned())),
            left.map(|left| format!("{left} left")),
            Some(counted(self.pages, "page")),
            requests.map(|left| format!("{left} requests left this hour")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// The wait after a failed request.
fn retrying(reason: &ErrorKind, wait: Duration) -> String {
    format!("trying again at {}, after: {reason}", until(wait))
}

/// The time after a wait: `19:37:30 UTC`.
fn until(wait: Duration) -> String {
    let seconds = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX);
    let end = Timestamp::now().saturating_add_seconds(seconds).to_string();
    format!("{} UTC", end.get(11..19).unwrap_or(&end))
}

/// A bar, if somebody looks.
pub(super) fn bar(terminal: Terminal, bars: &MultiProgress, template: &str) -> ProgressBar {
    match terminal.is_interactive && !terminal.is_quiet {
        true => bars.add(ProgressBar::new(0).with_style(style(template))),
        false => ProgressBar::hidden(),
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(shown: &Shown, seconds: u64) -> String {
        shown.text(Duration::from_secs(seconds))
    }

    #[test]
    fn the_bar_says_what_the_sync_is_doing() {
        let mut shown = Shown::default();
        assert_eq!(text(&shown, 0), "connecting to the API");
        shown.is_answered = true;
        assert_eq!(text(&shown, 0), "reading, 0 pages");
        shown
            .listings
            .insert(ListingKind::Account, (12_400, 60_000));
        (shown.pages, shown.actions) = (12, 2_400);
        shown.requests_left = Some(4_988);
        assert_eq!(
            text(&shown, 10),
            "12,400 of 60,000 actions, 3m 18s left, 12 pages, 4,988 requests left this hour"
        );
        let unavailable = ErrorKind::Transport("it broke".to_owned());
        let wait = Duration::from_secs(3_600);
        shown.wait = Some((retrying(&unavailable, wait), Instant::now() + wait));
        let retrying = text(&shown, 10);
        assert!(retrying.starts_with("trying again at "), "{retrying}");
        assert!(
            retrying.ends_with(" UTC, after: it broke; 12,400 of 60,000 actions"),
            "{retrying}"
        );
        shown.wait = Some(("waiting".to_owned(), Instant::now()));
        assert!(text(&shown, 10).starts_with("12,400 of 60,000 actions, "));
    }

    #[test]
    fn a_signal_that_was_heard_stays_on_the_bar() {
        let shown = Shown {
            is_stopping: true,
            is_answered: true,
            ..Shown::default()
        };
        assert!(text(&shown, 0).starts_with("stopping: "));
    }
}
