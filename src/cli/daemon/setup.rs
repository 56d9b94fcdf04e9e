//! The setup of a daemon, from flags and configuration. A reload makes a new one.

use archiver::api::SharedPacer;
use archiver::core::time::{Timestamp, Zone};
use archiver::daemon::Plan;
use archiver::daemon::schedule::Schedule;
use archiver::sync::Settings;
use archiver::web::ListenAddress;

use super::Arguments;
use crate::cli::Context;
use crate::cli::attempt;
use crate::cli::decided::{Decided, Names, named};
use crate::cli::exit::Failure;
use crate::cli::monitoring::Monitoring;

/// All settings of a daemon.
pub(super) struct Setup {
    pub(super) context: Context,
    pub(super) settings: Settings,
    pub(super) plan: Plan,
    pub(super) monitoring: Monitoring,
    /// Shared by all syncs, because the limits of the API continue from one sync to the next.
    pub(super) pacer: SharedPacer,
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
    pub(super) fn new(
        context: Context,
        arguments: &Arguments,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let file = context.config.file();
        let schedule = schedule(&context, arguments, now)?;
        let monitoring = &file.monitoring;
        let plan = plan(&context, arguments, schedule, now)?;
        let max_age = Decided::of(
            &MAX_AGE,
            arguments.max_age.as_ref(),
            monitoring.max_age.as_ref(),
        );
        let max_age = max_age.map(|age| age.duration_seconds(&context));
        Ok(Self {
            settings: attempt::settings(&context, arguments.scope.scope(&context)?, false)?,
            monitoring: Monitoring::new(&context, &arguments.monitoring)?,
            max_age_seconds: max_age
                .transpose()?
                .unwrap_or_else(|| usual_age(&plan, now)),
            pacer: SharedPacer::new(attempt::pace(&context)),
            plan,
            context,
        })
    }
}

/// The setup of each account. An error names the account.
pub(super) fn of_each(
    context: &Context,
    arguments: &Arguments,
    now: Timestamp,
) -> Result<Vec<Setup>, Failure> {
    context.refuse_shared_tokens()?;
    let setup = |one: Context| {
        let account = one.terminal.account;
        Setup::new(one, arguments, now).map_err(|failure| match account {
            Some(account) => Failure {
                message: format!("{account}: {}", failure.message),
                ..failure
            },
            None => failure,
        })
    };
    context.of_each().into_iter().map(setup).collect()
}

/// The value; of one of several accounts, `None` after a failure that is told, because the others go on.
pub(super) fn told_of_several<T>(
    context: &Context,
    outcome: Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    match outcome {
        Err(failure) if context.is_one_of_several() => {
            context.terminal.failure(&failure);
            Ok(None)
        }
        outcome => outcome.map(Some),
    }
}

/// The address of the server, which is one for all accounts.
pub(super) fn listen(
    context: &Context,
    arguments: &Arguments,
) -> Result<Option<ListenAddress>, Failure> {
    let by_file = context.config.file().monitoring.listen.as_ref();
    let listen = Decided::of(&LISTEN, arguments.listen.as_ref(), by_file);
    let address = listen.map(|listen| {
        let address = listen.text.parse::<ListenAddress>();
        address.map_err(|error| listen.refused(context, &error))
    });
    address.transpose()
}

fn schedule(context: &Context, arguments: &Arguments, now: Timestamp) -> Result<Schedule, Failure> {
    let file = &context.config.file().schedule;
    let zone = Decided::of(
        &TIMEZONE,
        arguments.timezone.as_ref(),
        file.timezone.as_ref(),
    );
    let zone = match zone {
        Some(zone) => {
            let parsed = zone.text.parse::<Zone>();
            parsed.map_err(|error| zone.refused(context, &error))?
        }
        None => Zone::utc(),
    };
    let Some(cron) = Decided::of(&CRON, arguments.cron.as_ref(), file.cron.as_ref()) else {
        return Err(Failure::usage("no schedule is configured").with_hint(
            "use --cron, such as --cron @hourly, or set `cron` under [schedule] in the configuration",
        ));
    };
    Schedule::new(cron.text, zone, now)
        .map_err(|error| cron.refused(context, &error).with_hint(error.hint()))
}

fn plan(
    context: &Context,
    arguments: &Arguments,
    schedule: Schedule,
    now: Timestamp,
) -> Result<Plan, Failure> {
    let by_file = context.config.file().schedule.jitter.as_ref();
    let jitter = Decided::of(&JITTER, arguments.jitter.as_ref(), by_file);
    let seconds = jitter
        .as_ref()
        .map(|jitter| jitter.duration_seconds(context));
    let seconds = u32::try_from(seconds.transpose()?.unwrap_or(0)).unwrap_or(u32::MAX);
    Plan::new(schedule, seconds, now).map_err(|error| match &jitter {
        Some(jitter) => jitter.refused(context, &error),
        None => Failure::usage(error.to_string()),
    })
}

const CRON: Names = named("--cron", "cron");
const TIMEZONE: Names = named("--timezone", "timezone");
const JITTER: Names = named("--jitter", "jitter");
const LISTEN: Names = named("--listen", "listen");
const MAX_AGE: Names = named("--max-age", "max_age");

/// Twice the longest time between two ticks, plus the duration of a sync. One missed or failed sync is no reason to
/// worry yet, the second is.
fn usual_age(plan: &Plan, now: Timestamp) -> i64 {
    let ticks = plan.schedule().upcoming(now, TICKS_LOOKED_AT);
    let gaps = ticks.windows(2).map(|two| match two {
        [first, second] => second.epoch_seconds() - first.epoch_seconds(),
        _ => 0,
    });
    gaps.max().unwrap_or(0).saturating_mul(2) + USUAL_SYNC_SECONDS
}
