//! The display of a running sync: a bar on a terminal, lines for `-v`, nothing from cron.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use archiver::api;
use archiver::archive::{ListingKind, RunId};
use archiver::core::threads;
use archiver::core::threads::lock;
use archiver::sync::{Event, ListingResult, Observer};
use indicatif::{ProgressBar, ProgressStyle};

use super::terminal::Terminal;

/// The time between two movements of the bar while nothing else moves it.
const TICK: Duration = Duration::from_millis(120);

/// Shows the progress. All clones share one display.
#[derive(Clone)]
pub(super) struct Progress {
    terminal: Terminal,
    bar: ProgressBar,
    shown: Arc<Mutex<Shown>>,
}

#[derive(Default)]
struct Shown {
    /// Archived and total actions of each listing.
    listings: BTreeMap<ListingKind, (u64, u64)>,
    pages: u64,
    is_moving: bool,
    requests_left: Option<u64>,
    /// The number of the sync.
    run: Option<RunId>,
}

impl Progress {
    pub(super) fn new(terminal: Terminal) -> Self {
        let is_shown = terminal.is_interactive && !terminal.is_quiet;
        let bar = if is_shown {
            ProgressBar::new(0).with_style(style())
        } else {
            ProgressBar::hidden()
        };
        Self {
            terminal,
            bar,
            shown: Arc::default(),
        }
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Shows an event of the client.
    pub(super) fn client_event(&self, event: &api::Event<'_>) {
        match event {
            api::Event::Sent { request } => self.detail(2, request),
            api::Event::Retrying {
                request,
                reason,
                wait,
            } => {
                let seconds = wait.as_secs_f64();
                self.detail(1, &format!("{request}: {reason}; again in {seconds:.1} s"));
            }
            api::Event::Waiting { wait } if wait.as_secs() >= 1 => {
                let text = format!("waiting {} s for the rate limit", wait.as_secs());
                self.bar.set_message(text.clone());
                self.detail(2, &text);
            }
            api::Event::Waiting { .. } => {}
            api::Event::Answered { limit } => {
                self.change(|shown| shown.requests_left = limit.remaining);
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Shown)) {
        let mut shown = self.shown();
        change(&mut shown);
        // A server may send any number as a total.
        let sum = |part: fn(&(u64, u64)) -> u64| {
            let parts = shown.listings.values().map(part);
            parts.fold(0, u64::saturating_add)
        };
        let (archived, total) = (sum(|listing| listing.0), sum(|listing| listing.1));
        self.bar.set_length(total);
        self.bar.set_position(archived);
        let left = shown
            .requests_left
            .map(|left| format!(", {left} requests left this hour"));
        self.bar
            .set_message(format!("{} pages{}", shown.pages, left.unwrap_or_default()));
    }

    /// The number of the sync, once it has one.
    pub(super) fn run(&self) -> Option<RunId> {
        self.shown().run
    }

    /// The terminal for messages about this sync.
    pub(super) fn terminal(&self) -> Terminal {
        match self.run() {
            Some(run) => self.terminal.about(run),
            None => self.terminal,
        }
    }

    /// Keeps the bar moving from now on. The steady tick of `indicatif` panics when no thread is available.
    fn keep_moving(&self) {
        if self.bar.is_hidden() || std::mem::replace(&mut self.shown().is_moving, true) {
            return;
        }
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

    fn detail(&self, verbosity: u8, text: &str) {
        let terminal = self.terminal();
        self.bar.suspend(|| terminal.detail(verbosity, text));
    }

    fn warning(&self, text: &str) {
        let terminal = self.terminal();
        self.bar.suspend(|| terminal.warning(text));
    }
}

impl Observer for Progress {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::Began { run } => self.shown().run = Some(*run),
            Event::Opened { listing } => {
                self.bar.set_message("asking the API");
                self.keep_moving();
                self.detail(1, &format!("reading {}", listing.path()));
            }
            Event::Archived {
                listing,
                covered,
                total,
                ..
            } => self.change(|shown| {
                shown.pages += 1;
                shown.listings.insert(*listing, (*covered, *total));
            }),
            Event::Rejected { listing, row } => {
                self.warning(&format!(
                    "{}: a row was left out: {}: {}",
                    listing.path(),
                    row.reason,
                    row.excerpt
                ));
            }
            Event::Inconsistent {
                listing,
                inconsistency,
            } => {
                self.detail(
                    1,
                    &format!(
                        "{}: {inconsistency}; reading it again from its first page",
                        listing.path()
                    ),
                );
            }
            Event::Closed { listing, result } => {
                let detail = match result {
                    ListingResult::Complete { total } => format!(", {total} actions"),
                    _ => String::new(),
                };
                self.detail(
                    1,
                    &format!("{}: {}{detail}", listing.path(), result.as_str()),
                );
            }
            Event::Notice { text } => self.detail(u8::from(!self.terminal.is_interactive), text),
            Event::Warning { text } => self.warning(text),
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template(
        "{spinner} {bar:24} {human_pos} of {human_len} actions, {eta} to go, {msg}",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar())
}
