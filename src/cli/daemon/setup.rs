//! The setup of a daemon, from flags and configuration. A reload makes a new one.

use std::path::PathBuf;

use archiver::api::SharedPacer;
use archiver::archive;
use archiver::core::cancellation::Cancellation;
use archiver::core::time::{Timestamp, Zone};
use archiver::daemon::Plan;
use archiver::daemon::metrics::Figures;
use archiver::daemon::schedule::Schedule;
use archiver::sync::Settings;
use archiver::web::ListenAddress;

use super::Arguments;
use crate::cli::Context;
use crate::cli::attempt;
use crate::cli::decided::Decided;
use crate::cli::exit::Failure;
use crate::cli::monitoring::{self, Failing, Monitoring};
use crate::cli::runtime::side_by_side;

/// All that a daemon needs to begin, or to go on after a reload.
pub(super) struct Prepared {
    pub(super) accounts: Vec<Setup>,
    /// The address of the server, which is one for all accounts.
    pub(super) listen: Option<ListenAddress>,
}

impl Prepared {
    /// Problems that make every sync fail are reported now, and not at the first tick.
    pub(super) fn new(
        context: &Context,
        arguments: &Arguments,
        now: Timestamp,
        (stopped, failing): (&Cancellation, &Failing),
    ) -> Result<Self, Failure> {
        context.refuse_shared_tokens()?;
        let setups = context.of_each().into_iter().map(|one| {
            let account = one.terminal.account;
            let setup = Setup::new(one, arguments, failing, now);
            setup.map_err(|failure| match account {
                Some(account) => failure.about(account),
                None => failure,
            })
        });
        let mut accounts = setups.collect::<Result<Vec<_>, _>>()?;
        let by_file = &context.config.file().monitoring.listen;
        let listen = Decided::of("monitoring.listen", &arguments.listen, by_file);
        let listen = listen.map(|it| it.parsed(context)).transpose()?;
        let looks = side_by_side(accounts.iter_mut().collect(), |one: &mut Setup| {
            one.look(stopped)
        });
        let can_sync = looks.into_iter().collect::<Result<Vec<_>, _>>()?;
        if !can_sync.contains(&true) {
            return Err(Failure::failed("no account can be synced"));
        }
        Ok(Self { accounts, listen })
    }
}

/// All settings of an account.
pub(super) struct Setup {
    pub(super) context: Context,
    pub(super) settings: Settings,
    pub(super) plan: Plan,
    pub(super) monitoring: Monitoring,
    /// Shared by all syncs, because the limits of the API continue from one sync to the next.
    pub(super) pacer: SharedPacer,
    /// The path of the archive.
    pub(super) path: PathBuf,
    /// The figures of the archive when it was set up.
    pub(super) figures: Figures,
    /// The longest age of the last complete sync at which the archive counts as fresh, in seconds.
    pub(super) max_age_seconds: i64,
}

/// The number of ticks from which the default age is computed.
const TICKS_LOOKED_AT: usize = 16;
/// The expected longest duration of a sync, added to the default age.
const USUAL_SYNC_SECONDS: i64 = 600;

impl Setup {
    /// # Errors
    /// When a setting is invalid; the error names its place.
    fn new(
        context: Context,
        arguments: &Arguments,
        failing: &Failing,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let plan = plan(&context, arguments, now)?;
        let by_file = &context.config.file().monitoring.max_age;
        let max_age = match Decided::of("monitoring.max_age", &arguments.max_age, by_file) {
            Some(max_age) => max_age.duration_seconds(&context)?,
            None => usual_age(&plan, now),
        };
        Ok(Self {
            settings: attempt::settings(&context, arguments.scope.scope(&context)?, false)?,
            monitoring: Monitoring::new(&context, &arguments.monitoring, failing)?,
            max_age_seconds: max_age,
            pacer: SharedPacer::new(attempt::pace(&context)),
            path: context.archive_path()?,
            figures: Figures::default(),
            plan,
            context,
        })
    }

    /// Checks what a sync needs, and reads what is known. Returns false for a failure of one of several accounts, which
    /// is told.
    fn look(&mut self, stopped: &Cancellation) -> Result<bool, Failure> {
        let context = &self.context;
        let checked = self.check(stopped);
        let can_sync = checked.is_ok();
        match checked {
            Err(failure) if context.is_one_of_several() => context.terminal.failure(&failure),
            checked => checked?,
        }
        let figures = monitoring::read_figures(context, Figures::default(), stopped);
        self.figures = figures.unwrap_or_default();
        Ok(can_sync)
    }

    /// Checks for a token, and that a file in the place of the archive is one.
    fn check(&self, stopped: &Cancellation) -> Result<(), Failure> {
        self.context.token(stopped)?;
        match archive::expect_archive(&self.path) {
            Err(archive::Error::Missing { .. }) => Ok(()),
            Err(error) if error.is_unusable_archive() => Err(error.into()),
            // The first sync reports other problems.
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

fn plan(context: &Context, arguments: &Arguments, now: Timestamp) -> Result<Plan, Failure> {
    let file = &context.config.file().schedule;
    let zone = Decided::of("schedule.timezone", &arguments.timezone, &file.timezone);
    let zone: Option<Zone> = zone.map(|it| it.parsed(context)).transpose()?;
    let Some(cron) = Decided::of("schedule.cron", &arguments.cron, &file.cron) else {
        return Err(Failure::usage("no schedule is configured").with_hint(
            "use --cron, such as --cron @hourly, or set `cron` under [schedule] in the configuration",
        ));
    };
    let schedule = Schedule::new(cron.text, zone.unwrap_or_default(), now)
        .map_err(|error| cron.refused(context, &error).with_hint(error.hint))?;
    match Decided::of("schedule.jitter", &arguments.jitter, &file.jitter) {
        Some(jitter) => Plan::new(schedule, jitter.duration_seconds(context)?, now)
            .map_err(|error| jitter.refused(context, &error)),
        None => Plan::new(schedule, 0, now).map_err(Failure::usage),
    }
}

/// Twice the longest time between two ticks, plus the duration of a sync. One missed or failed sync is no reason to
/// worry yet, the second is.
fn usual_age(plan: &Plan, now: Timestamp) -> i64 {
    let longest = plan.schedule.gaps(now).take(TICKS_LOOKED_AT).max();
    longest.unwrap_or(0).saturating_mul(2) + USUAL_SYNC_SECONDS
}
