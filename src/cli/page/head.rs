//! The head of a page: its basis, its key figures, and what only a server adds.

use archiver::core::model::IN_PROGRESS;
use archiver::core::time::{Timestamp, duration_text};
use archiver::output::grouped;
use archiver::query;
use archiver::web::{Figure, Kept, Served, Window};

use super::{Page, with_status};
use crate::cli::exit::Failure;

/// The flags with conditions on actions, other than their time.
const ABOUT_ACTIONS: [&str; 8] = [
    "type",
    "status",
    "region",
    "resource-type",
    "id",
    "min-duration",
    "max-duration",
    "seen-since",
];

impl Page<'_> {
    pub(super) fn served(&self) -> Served {
        let written = &self.context.written;
        let page = written.json_address();
        let address = |command: &str| page.replacen("/page", command, 1);
        Served {
            chosen: written.asked().cloned().collect(),
            json: vec![
                ("actions", address("/query")),
                ("numbers by day", address("/stats") + "&by=day,type"),
                ("droplets", address("/last")),
                ("reports", "/report.json?all".to_owned()),
                ("status", "/status.json".to_owned()),
            ],
        }
    }

    pub(super) fn basis(&self) -> Vec<(&'static str, String)> {
        let shown = |at: Timestamp| at.in_zone(&self.arguments.tz).to_string();
        let mut basis = Vec::new();
        for archive in self.each() {
            let account = archive.account.map(|account| format!("{account}: "));
            let account = account.unwrap_or_default();
            let verdict = &archive.status.verdict.text;
            basis.push(("Archive", format!("{account}{verdict} (when written)")));
        }
        for (account, why) in &self.found.missing {
            basis.push(("Not included", format!("{account}: {why}")));
        }
        let fresh = self.each().map(|archive| {
            let fresh_at = archive.status.verdict.fresh_at.as_deref();
            fresh_at.and_then(|at| at.parse::<Timestamp>().ok())
        });
        // Without any for one account, there is none for all.
        let fresh = fresh.min().flatten().map_or("never".to_owned(), shown);
        let (since, until) = (shown(self.window.since), shown(self.window.until));
        basis.extend([
            ("Last complete sync", fresh),
            ("Window", format!("{since} to {until}")),
            ("Time zone", self.arguments.tz.to_string()),
        ]);
        let chosen = self.context.written.filters();
        if !chosen.is_empty() {
            basis.push(("Filters", chosen));
        }
        let mut flags = self.context.written.flags.iter();
        if flags.any(|(flag, _)| ABOUT_ACTIONS.contains(&flag.as_str())) {
            let text =
                "droplets, downtime, uptime and reports, which are about all actions of a droplet";
            basis.push(("Not filtered", text.to_owned()));
        }
        basis.push(("Written", shown(self.now)));
        basis
    }

    pub(super) fn figures(
        &self,
        by_day: &Kept,
        lives: &Kept,
        downtime: &Kept,
    ) -> Result<Vec<Figure>, Failure> {
        let (actions, failures) = (by_day.sum("count"), by_day.sum("errored"));
        let rate = (actions > 0).then(|| {
            let tenths = (failures * 2_000 / actions).div_ceil(2);
            format!("{}.{} %", tenths / 10, tenths % 10)
        });
        let text = |seconds: u64| duration_text(i64::try_from(seconds).unwrap_or(i64::MAX));
        let off = downtime.sum("downtime_seconds");
        let estimated = downtime.rows().filter(|row| row.is_estimate());
        let estimated: u64 = estimated.map(|row| row.count("downtime_seconds")).sum();
        let estimate = (estimated > 0).then(|| format!("{} of it estimated", text(estimated)));
        let (living, destroyed) = self.droplets(lives);
        let open = grouped(self.open_actions()?);
        Ok(vec![
            ("actions", "Actions", grouped(actions), None),
            ("failures", "Failures", grouped(failures), rate),
            ("droplets", "Living droplets", grouped(living), None),
            ("destroyed", "Destroyed droplets", grouped(destroyed), None),
            ("downtime", "Downtime", text(off), estimate),
            ("in-progress", "In progress", open, None),
        ])
    }

    /// The numbers of droplets that live at the end of the window, and that were destroyed in it.
    fn droplets(&self, lives: &Kept) -> (u64, u64) {
        let Window { since, until, .. } = self.window;
        let (mut living, mut destroyed) = (0, 0);
        for life in lives.rows() {
            let (state, gone_at) = (life.text("state"), life.time("gone_at"));
            let is_listed = state != Some("unlisted") && self.is_in_window(life);
            living += u64::from(is_listed && gone_at.is_none_or(|at| at >= until));
            let is_then = |at| (since..until).contains(&at);
            destroyed += u64::from(state == Some("gone") && gone_at.is_none_or(is_then));
        }
        (living, destroyed)
    }

    fn open_actions(&self) -> Result<u64, Failure> {
        let Some(open) = with_status(&self.filter, IN_PROGRESS) else {
            return Ok(0);
        };
        let counts = self.each().map(|archive| {
            let open = archive.known(&open);
            query::count(&archive.connection, &open, self.now)
        });
        Ok(counts.sum::<Result<u64, _>>()?)
    }
}
