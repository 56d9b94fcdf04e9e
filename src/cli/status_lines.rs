//! The lines of `archiver status` between the verdict and the tables: a name and a text each.

use archiver::archive::LockState;
use archiver::core::time::{Timestamp, Zone, duration_text};
use archiver::query::status::{self, State, ago, counted, grouped};
use serde::Serialize;

/// The status of one archive; as JSON, for scripts.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) path: String,
    pub(super) is_sync_running: Option<bool>,
    /// The duration of a full round of audits in seconds; `None` when audits are off.
    pub(super) audit_round_seconds: Option<i64>,
    #[serde(skip)]
    pub(super) lock: LockState,
    #[serde(flatten)]
    pub(super) status: status::Status,
}

impl Report {
    /// True for any archive but a complete one.
    pub(super) fn is_problem(&self) -> bool {
        self.status.verdict.state != State::Complete
    }
}

/// The status in lines, for people.
pub(super) struct Lines<'a> {
    pub(super) report: &'a Report,
    pub(super) zone: &'a Zone,
    pub(super) now: Timestamp,
}

impl Lines<'_> {
    /// A name and a text for each line that the archive has.
    pub(super) fn all(&self) -> Vec<(&'static str, String)> {
        let facts = &self.report.status.facts;
        let is_audited = self.report.status.proof.audited_pages > 0;
        let (droplets, gone) = (grouped(facts.droplets), grouped(facts.droplets_gone));
        let known = |count, text: fn(u64) -> String| (count > 0).then(|| text(count));
        let lines = [
            ("archive", Some(self.archive())),
            ("actions", Some(self.actions())),
            (
                "imported",
                known(facts.actions_only_imported, |count| {
                    let actions = counted(count, "action");
                    format!("{actions} that no sync has seen, from `archiver import`")
                }),
            ),
            ("open", Some(self.open_actions())),
            (
                "no end",
                known(facts.actions_without_end, |count| {
                    let number = grouped(count);
                    format!("{number} completed, and the API does not say when")
                }),
            ),
            ("proven", is_audited.then(|| self.proven())),
            ("droplets", Some(format!("{droplets}, {gone} of them gone"))),
            ("regions", Some(grouped(facts.regions))),
            ("sync", Some(running(&self.report.lock))),
            ("quota", self.quota()),
        ];
        let known = lines.into_iter();
        known
            .filter_map(|(name, text)| Some((name, text?)))
            .collect()
    }

    fn archive(&self) -> String {
        #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
        let megabytes = self.report.status.facts.file_bytes as f64 / 1e6;
        let (path, version) = (&self.report.path, self.report.status.schema_version);
        format!("{path}, {megabytes:.1} MB, schema version {version}")
    }

    fn quota(&self) -> Option<String> {
        let quota = self.report.status.facts.quota.as_ref()?;
        let left = grouped(quota.remaining.unsigned_abs());
        let at = quota.at.as_deref().map(|at| self.at(at));
        Some(format!("{left} requests left, {}", at.unwrap_or_default()))
    }

    fn actions(&self) -> String {
        let facts = &self.report.status.facts;
        let count = grouped(facts.actions);
        match (&facts.first_action_at, &facts.last_action_at) {
            (Some(first), Some(last)) => {
                format!("{count}, from {} to {}", self.time(first), self.time(last))
            }
            _ => count,
        }
    }

    /// The time since which the API has confirmed all archived pages, and the duration of the next round of audits.
    fn proven(&self) -> String {
        let proof = &self.report.status.proof;
        let mut text = match &proof.proven_since {
            Some(since) => format!("each page was read at {} or later", self.at(since)),
            None => "not every page was read since audits began".to_owned(),
        };
        let pages = counted(proof.audited_pages, "page");
        text += &match self.report.audit_round_seconds {
            Some(seconds) => format!(
                "; reading {pages} again, one in a sync at most, takes at least {}",
                duration_text(seconds)
            ),
            None => format!("; audits are off, `archiver sync --full` reads {pages} again"),
        };
        if proof.unlisted_actions > 0 {
            let actions = counted(proof.unlisted_actions, "archived action");
            text += &format!("; /v2/actions lacked {actions} when it was last read");
        }
        text
    }

    fn open_actions(&self) -> String {
        let facts = &self.report.status.facts;
        let Some(oldest) = &facts.oldest_open_action else {
            return "none in progress".to_owned();
        };
        let mut text = format!(
            "{} in progress, the oldest is {} {}",
            grouped(facts.open_actions),
            oldest.kind.as_deref().unwrap_or("action"),
            oldest.id
        );
        if let Some(id) = oldest.droplet_id {
            text += &format!(" of droplet {id}");
        }
        if let Some(at) = &oldest.started_at {
            text += &format!(", started {}", self.at(at));
        }
        text
    }

    /// A time in the chosen zone, and its age.
    fn at(&self, time: &str) -> String {
        match time.parse::<Timestamp>() {
            Ok(at) => format!("{} ({})", self.time(time), ago(at.age_at(self.now))),
            Err(_) => time.to_owned(),
        }
    }

    fn time(&self, time: &str) -> String {
        let at = time.parse::<Timestamp>();
        at.map_or_else(|_| time.to_owned(), |at| at.in_zone(self.zone))
    }
}

fn running(lock: &LockState) -> String {
    match lock {
        LockState::Free => "none is running".to_owned(),
        LockState::Held { holder } => format!("one is running: {holder}"),
        LockState::Left { holder } => {
            format!("one runs that cannot be seen from here, or was killed: {holder}")
        }
    }
}
