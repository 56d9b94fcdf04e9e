//! One request, one answer: token, limits, faults, the account's own time, compression, and the log.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::clock;
use super::delivery::Delivery;
use super::faults::{Fault, Quirks};
use super::gzip;
use super::http::{Answer, Request};
use super::limits::{RateLimits, Verdict};
use super::options::Options;
use super::random::Random;
use super::routes::{self, Routes};
use super::rules::FaultRule;
use super::sabotage;
use super::staleness::Staleness;
use super::state::State;

/// Compression gains nothing for a smaller body.
const WORTH_COMPRESSING: usize = 512;
/// The log drops older requests, so that a simulator can run for days.
const LONGEST_LOG: usize = 500_000;

/// Signals the release of held answers.
pub(super) type Release = watch::Receiver<()>;

/// A logged request.
#[derive(Clone, Debug)]
pub struct LoggedRequest {
    /// `GET`
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// True when an `Authorization` header was sent, the right one or not.
    pub authorized: bool,
    /// The header `User-Agent`.
    pub user_agent: Option<String>,
    /// The status of the answer; 0 when none reached the client.
    pub status: u16,
    /// The newest action that this answer revealed, in a row or by its total; `None` when the answer was broken, or is
    /// not a page of actions. The listing's other actions have smaller ids, unless a test added handmade ones.
    pub newest_action: Option<i64>,
    /// When it arrived.
    pub at: Instant,
}

/// The shared state of requests and the handle.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) base_url: String,
    pub(super) limits: Mutex<RateLimits>,
    pub(super) rules: Mutex<Vec<FaultRule>>,
    pub(super) log: Mutex<Vec<LoggedRequest>>,
    pub(super) busy: Busy,
    pub(super) staleness: Mutex<Staleness>,
    pub(super) released: watch::Sender<()>,
    options: RwLock<Options>,
    state: RwLock<State>,
    requests: AtomicU64,
}

/// The current and the maximum number of requests that are answered at once.
#[derive(Debug, Default)]
pub(super) struct Busy {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Busy {
    pub(super) fn begin(&self) -> Working<'_> {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        Working(self)
    }

    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    pub(super) fn forget(&self) {
        self.most
            .store(self.now.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// Counts a request as active until it is dropped.
pub(super) struct Working<'a>(&'a Busy);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Service {
    pub(super) fn new(base_url: String, options: Options, state: State) -> Self {
        Self {
            base_url,
            limits: Mutex::default(),
            rules: Mutex::default(),
            log: Mutex::default(),
            busy: Busy::default(),
            staleness: Mutex::new(Staleness::new(options.seed)),
            released: watch::Sender::default(),
            options: RwLock::new(options),
            state: RwLock::new(state),
            requests: AtomicU64::new(0),
        }
    }

    /// The answer to a request, its delay, and the release that it waits for, if any.
    pub(super) fn answer(&self, request: &Request) -> (Answer, Duration, Option<Release>) {
        let at = Instant::now();
        let options = self.options().clone();
        let released = self.released.subscribe();
        let faults = self.faults(request);
        let held = faults.contains(&Fault::Hold).then_some(released);
        self.change_before(&faults);
        let request_id = self.request_id();
        let mut answer = self.coded(request, &options, &faults, &request_id);
        for fault in &faults {
            sabotage::after_coding(fault, &mut answer);
        }
        let delays = faults.iter().map(|fault| match fault {
            Fault::Delay(milliseconds) => Duration::from_millis(*milliseconds),
            _ => Duration::ZERO,
        });
        let delay = options.latency + delays.sum::<Duration>();
        if !faults.iter().all(Fault::is_sound) {
            answer.newest_action = None;
        }
        self.remember(request, &answer, at);
        (answer, delay, held)
    }

    /// Changes the account before a request is answered.
    fn change_before(&self, faults: &[Fault]) {
        for fault in faults {
            match fault {
                Fault::RemoveAction(id) => {
                    self.change_state().remove(*id);
                }
                Fault::DestroyDroplet(id) => {
                    self.change_state().destroy(*id);
                }
                _ => {}
            }
        }
    }

    fn faults(&self, request: &Request) -> Vec<Fault> {
        lock(&self.rules)
            .iter_mut()
            .filter_map(|rule| rule.fault(request))
            .collect()
    }

    fn coded(
        &self,
        request: &Request,
        options: &Options,
        faults: &[Fault],
        request_id: &str,
    ) -> Answer {
        let (refused, headers) = self.refused(request, options, request_id);
        let replaced = faults
            .iter()
            .find_map(|fault| sabotage::instead(fault, request_id));
        let mut answer = replaced
            .or(refused)
            .unwrap_or_else(|| self.truth(request, options, faults, request_id));
        answer.headers.extend(headers);
        answer.set("x-request-id", Some(request_id.to_owned()));
        for fault in faults {
            sabotage::before_coding(fault, &mut answer);
        }
        let coded = answer.header("content-encoding").is_some();
        let wanted = options.gzip && request.accepts_gzip && !coded;
        if wanted
            && answer.body.len() >= WORTH_COMPRESSING
            && let Some(body) = gzip::compress(&answer.body)
        {
            answer.body = body;
            answer.set("content-encoding", Some("gzip".to_owned()));
        }
        answer
    }

    /// The refusal of a request that the token or the limits do not allow, and the headers for any answer.
    fn refused(
        &self,
        request: &Request,
        options: &Options,
        request_id: &str,
    ) -> (Option<Answer>, Vec<(String, String)>) {
        let sent = request
            .authorization
            .as_deref()
            .and_then(|header| header.split_once(' '));
        let known = sent.is_some_and(|(scheme, token)| {
            scheme.eq_ignore_ascii_case("bearer") && token.trim() == options.token
        });
        if !known {
            return (Some(routes::error(401, request_id)), Vec::new());
        }
        let now = Instant::now();
        let mut limits = lock(&self.limits);
        let verdict = limits.admit(options.hourly, options.minute, now);
        let headers = limits.headers(options.hourly, now, clock::since_epoch());
        let mut refused = match verdict {
            Verdict::Within if request.method == "GET" => return (None, headers),
            Verdict::Within => routes::error(405, request_id),
            _ => routes::error(429, request_id),
        };
        if let Verdict::MinuteExceeded(seconds) = verdict {
            refused.set("retry-after", Some(seconds.to_string()));
        }
        (Some(refused), headers)
    }

    fn truth(
        &self,
        request: &Request,
        options: &Options,
        faults: &[Fault],
        request_id: &str,
    ) -> Answer {
        if routes::is_for_actions(request) {
            self.pass_time(request, options);
        }
        let quirks = &Quirks::of(faults);
        let make = |lag| {
            Routes {
                state: &self.state(),
                options,
                base_url: &self.base_url,
                request_id,
                quirks,
                lag,
            }
            .answer(request)
        };
        if !routes::is_for_listed_actions(request) {
            return make(0);
        }
        let may_be_kept = faults.iter().all(Fault::is_sound);
        let stale = lock(&self.staleness).answer(request, options, may_be_kept);
        match stale {
            Ok(kept) => kept,
            Err(lag) => {
                let answer = make(lag);
                if may_be_kept {
                    lock(&self.staleness).keep(request, options, &answer);
                }
                answer
            }
        }
    }

    fn pass_time(&self, request: &Request, options: &Options) {
        let quiet = options.grow_per_request == 0 && self.state().open.is_empty();
        if quiet {
            return;
        }
        let mut state = self.change_state();
        state.tick();
        let droplet = routes::droplet_of(request);
        if droplet.is_none_or(|id| state.living_droplet(id).is_some()) {
            state.grow(
                options.grow_per_request,
                droplet,
                options.settle_after_requests,
            );
        }
    }

    fn request_id(&self) -> String {
        let mut random = Random::new(self.requests.fetch_add(1, Ordering::Relaxed));
        let (high, low) = (random.word(), random.word());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        )
    }

    fn remember(&self, request: &Request, answer: &Answer, at: Instant) {
        let delivery: Delivery = answer.delivery;
        let mut log = lock(&self.log);
        if log.len() >= LONGEST_LOG {
            log.drain(..LONGEST_LOG / 2);
        }
        log.push(LoggedRequest {
            method: request.method.clone(),
            path: request.target.clone(),
            authorized: request.authorization.is_some(),
            user_agent: request.user_agent.clone(),
            status: if delivery.shows_status() {
                answer.status
            } else {
                0
            },
            newest_action: answer.newest_action,
            at,
        });
    }

    pub(super) fn options(&self) -> RwLockReadGuard<'_, Options> {
        self.options.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change_options(&self) -> RwLockWriteGuard<'_, Options> {
        self.options.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change_state(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A lock that stays usable after a panic in another thread.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
