//! The resources of a process: time, processor, memory, bytes written.
//!
//! The system reports them for all children of a process together. So each measured process is the only child of a
//! wrapper, which is this binary again with [`WORD`] as its first argument.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

use crate::Outcome;

/// The argument that makes this binary a wrapper.
pub(crate) const WORD: &str = "measure-one-process";

/// The resources of a process from its start to its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) seconds: f64,
    /// The time of all processors, in the program and in the system.
    pub(crate) cpu_seconds: f64,
    /// The largest amount of memory at one time.
    pub(crate) peak_bytes: f64,
    /// Bytes handed to the disk, or to the cache that is written to it later. Only on Linux; elsewhere, the number
    /// means something else.
    pub(crate) written_bytes: f64,
}

/// A command with an environment that is the same on every machine.
pub(crate) fn command(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", "/nowhere")
        .stdin(Stdio::null());
    command
}

/// Runs a command to its successful end, and drops its output.
pub(crate) fn usage(command: &Command) -> Outcome<Usage> {
    let mut wrapper = Command::new(std::env::current_exe()?);
    wrapper
        .arg(WORD)
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        wrapper.env(name, value.unwrap_or_default());
    }
    let output = wrapper.output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = told
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let (true, [seconds, cpu_seconds, peak_bytes, written_bytes]) =
        (output.status.success(), numbers.as_slice())
    else {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{command:?}: {}", words.trim()).into());
    };
    Ok(Usage {
        seconds: *seconds,
        cpu_seconds: *cpu_seconds,
        peak_bytes: *peak_bytes,
        written_bytes: *written_bytes,
    })
}

/// The wrapper: runs the command in its arguments and prints its resources.
pub(crate) fn run_here(mut words: impl Iterator<Item = OsString>) -> Outcome<ExitCode> {
    let program = words.next().ok_or("no program")?;
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null());
    command.stdout(File::options().write(true).open("/dev/null")?);
    let started = Instant::now();
    let status = command.status()?;
    let seconds = started.elapsed().as_secs_f64();
    if !status.success() {
        return Err(status.to_string().into());
    }
    let used = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = used.user_time().num_microseconds() + used.system_time().num_microseconds();
    println!(
        "{seconds} {} {} {}",
        Duration::from_micros(u64::try_from(cpu)?).as_secs_f64(),
        used.max_rss()
            * if cfg!(target_vendor = "apple") {
                1
            } else {
                1024
            },
        used.block_writes() * 512
    );
    Ok(ExitCode::SUCCESS)
}

/// The time of a command from its start to its end, without a wrapper; for commands that take milliseconds.
pub(crate) fn seconds(command: &mut Command) -> Outcome<f64> {
    command.stdout(Stdio::null());
    let started = Instant::now();
    let status = command.status()?;
    let seconds = started.elapsed().as_secs_f64();
    if !status.success() {
        return Err(format!("{command:?}: {status}").into());
    }
    Ok(seconds)
}

/// The times of these commands, which take milliseconds. They run in turns, and in the opposite order in every other
/// round: a command pays for the work that the previous one left.
pub(crate) fn times_in_turns<const COMMANDS: usize>(
    rounds: usize,
    commands: &mut [Command; COMMANDS],
) -> Outcome<[Vec<f64>; COMMANDS]> {
    let mut times = [const { Vec::new() }; COMMANDS];
    for round in 0..=rounds {
        for turn in 0..COMMANDS {
            let place = if round.is_multiple_of(2) {
                turn
            } else {
                COMMANDS - 1 - turn
            };
            let seconds = seconds(&mut commands[place])?;
            if round > 0 {
                times[place].push(seconds);
            }
        }
    }
    Ok(times)
}

/// The output of a command.
pub(crate) fn printed(command: &mut Command) -> Outcome<String> {
    let output = command.output()?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{command:?}: {}", words.trim()).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// A measurement that can be repeated.
pub(crate) type Step<'a, T> = &'a dyn Fn() -> Outcome<T>;

/// Runs the steps in turns, so that a temporary slowdown of the machine affects all of them. The first round is a
/// warm-up and does not count.
pub(crate) fn in_turns<T>(rounds: usize, steps: &[Step<'_, T>]) -> Outcome<Vec<Vec<T>>> {
    let mut results: Vec<Vec<T>> = steps.iter().map(|_| Vec::new()).collect();
    for round in 0..=rounds {
        for (step, results) in steps.iter().zip(&mut results) {
            let result = step()?;
            if round > 0 {
                results.push(result);
            }
        }
    }
    Ok(results)
}

/// The median.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.as_slice() {
        [] => f64::NAN,
        values if values.len().is_multiple_of(2) => (values[middle - 1] + values[middle]) / 2.0,
        values => values[middle],
    }
}

/// The ratio of ours to theirs: of few rounds the median of the ratios, of many the ratio of the medians.
pub(crate) fn ratio(ours: &[f64], theirs: &[f64]) -> f64 {
    if ours.len() < 20 {
        median(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs))
    } else {
        median(ours.iter().copied()) / median(theirs.iter().copied())
    }
}

/// The time of each run in seconds.
pub(crate) fn times(usages: &[Usage]) -> Vec<f64> {
    usages.iter().map(|usage| usage.seconds).collect()
}

/// `0.52 s / 1.04 s`
pub(crate) fn both_times(ours: &[f64], theirs: &[f64]) -> String {
    format!(
        "{} / {}",
        duration(median(ours.iter().copied())),
        duration(median(theirs.iter().copied()))
    )
}

/// A duration in seconds or milliseconds.
pub(crate) fn duration(seconds: f64) -> String {
    if seconds < 0.2 {
        format!("{:.2} ms", seconds * 1_000.0)
    } else {
        format!("{seconds:.2} s")
    }
}
