//! The handle on a running simulator: what tests ask, change and break.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::action::{Action, HandmadeAction, Status};
use super::droplet::Droplet;
use super::options::Options;
use super::rules::FaultRule;
use super::server::Server;
use super::service::{LoggedRequest, Service, lock};
use super::state::State;

/// A running account. Clones share it; it is served until the last of them is dropped.
#[derive(Clone, Debug)]
pub struct Cloud {
    service: Arc<Service>,
    server: Arc<Mutex<Server>>,
}

impl Cloud {
    /// Serves an account with a generated history, in a thread of its own.
    ///
    /// # Errors
    /// When the port cannot be bound.
    pub fn start(options: Options) -> io::Result<Self> {
        let state = State::generated(&options);
        Self::serve(options, state)
    }

    /// Serves handmade droplets, and handmade actions in the order of the listing, newest first.
    ///
    /// # Errors
    /// When the port cannot be bound.
    pub fn start_handmade(
        options: Options,
        droplets: &[Value],
        actions: Vec<HandmadeAction>,
    ) -> io::Result<Self> {
        let state = State::handmade(&options, droplets, actions);
        Self::serve(options, state)
    }

    fn serve(options: Options, mut state: State) -> io::Result<Self> {
        if let Some(requests) = options.settle_after_requests {
            state.settle_after(requests);
        }
        let (server, service) =
            Server::start(options.port, |url| Service::new(url, options, state))?;
        Ok(Self {
            service,
            server: Arc::new(Mutex::new(server)),
        })
    }

    /// Stops serving and frees the port: from now on connections are refused.
    pub fn stop(&self) {
        lock(&self.server).stop();
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        self.service.base_url.clone()
    }

    /// The token that it accepts.
    pub fn token(&self) -> String {
        self.service.options().token.clone()
    }

    /// Changes how it behaves from the next request on: limits, scopes, latency, order, growth, gzip, token.
    pub fn change(&self, change: impl FnOnce(&mut Options)) {
        let mut options = self.service.change_options();
        let before = options.settle_after_requests;
        let cache = options.cache.clone();
        change(&mut options);
        if options.cache != cache {
            lock(&self.service.staleness).forget();
        }
        match options.settle_after_requests {
            Some(requests) if before != Some(requests) => {
                self.service.change_state().settle_after(requests);
            }
            _ => {}
        }
    }

    /// Adds a fault. Faults of several rules that match add up; the first that replaces the answer wins.
    pub fn break_with(&self, rule: FaultRule) {
        lock(&self.service.rules).push(rule);
    }

    /// No faults any more.
    pub fn clear_faults(&self) {
        lock(&self.service.rules).clear();
    }

    /// Sends the answers that are held now ([`Fault::Hold`](super::faults::Fault::Hold)).
    pub fn release(&self) {
        self.service.released.send_replace(());
    }

    /// How many answers were broken so far by the rules that are in force.
    pub fn faults_fired(&self) -> u64 {
        lock(&self.service.rules).iter().map(FaultRule::fired).sum()
    }

    /// All requests so far, in the order of their arrival.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        lock(&self.service.log).clone()
    }

    /// Forgets the requests so far, and how many came at once.
    pub fn clear_requests(&self) {
        lock(&self.service.log).clear();
        self.service.busy.forget();
    }

    /// Requests no longer count towards the limits.
    pub fn reset_limits(&self) {
        lock(&self.service.limits).forget();
    }

    /// How many requests were being answered at once, at most.
    pub fn most_at_once(&self) -> usize {
        self.service.busy.most()
    }

    /// The truth: all actions of the account, newest first, but for those whose id is no integer.
    pub fn actions(&self) -> Vec<Action> {
        let state = self.service.state();
        state
            .actions_at(state.listing(None, 0).iter().rev())
            .collect()
    }

    /// The actions that were removed, the last one last.
    pub fn removed_actions(&self) -> Vec<Action> {
        let state = self.service.state();
        state.actions_at(state.removed.iter()).collect()
    }

    /// Those of them that the droplet's own listing showed.
    pub fn removed_actions_of(&self, droplet_id: i64) -> Vec<Action> {
        let state = self.service.state();
        let droplet = state.droplet_place(droplet_id);
        let was_there = |place: &&u32| {
            let entry = state.entries.get(**place as usize);
            droplet.is_some() && entry.and_then(|entry| state.listed_under(entry)) == droplet
        };
        state
            .actions_at(state.removed.iter().filter(was_there))
            .collect()
    }

    /// How many rows the account's listing has.
    pub fn total(&self) -> usize {
        self.service.state().listed.len()
    }

    /// One action.
    pub fn action(&self, id: i64) -> Option<Action> {
        let state = self.service.state();
        let place = state.action_place(id)?;
        state
            .entries
            .get(place)
            .and_then(|entry| state.action(entry))
    }

    /// What that droplet's own listing holds, newest first; or would, if the droplet is gone.
    pub fn actions_of(&self, droplet_id: i64) -> Vec<Action> {
        let state = self.service.state();
        let Some(droplet) = state.droplet_place(droplet_id) else {
            return Vec::new();
        };
        let places = state.listing(Some(droplet), 0);
        state.actions_at(places.iter().rev()).collect()
    }

    /// The droplets that exist now, oldest first.
    pub fn droplets(&self) -> Vec<Droplet> {
        self.all_droplets()
            .into_iter()
            .filter(|droplet| !droplet.destroyed)
            .collect()
    }

    /// The droplets that are gone, oldest first.
    pub fn destroyed_droplets(&self) -> Vec<Droplet> {
        self.all_droplets()
            .into_iter()
            .filter(|droplet| droplet.destroyed)
            .collect()
    }

    fn all_droplets(&self) -> Vec<Droplet> {
        let state = self.service.state();
        state
            .machines
            .iter()
            .map(|machine| machine.droplet.clone())
            .collect()
    }

    /// Starts an action of a droplet now, in progress, and answers its id.
    pub fn add_action(&self, droplet_id: i64, kind: &str) -> i64 {
        let settles = self.service.options().settle_after_requests;
        self.service
            .change_state()
            .start_action(droplet_id, kind, settles)
    }

    /// New actions of any droplets at the head, over by now unless actions settle by themselves. Their ids.
    pub fn add_actions(&self, actions: usize) -> Vec<i64> {
        let settles = self.service.options().settle_after_requests;
        self.service.change_state().grow(actions, None, settles)
    }

    /// New actions of one droplet at the head, as [`Cloud::add_actions`] makes them.
    pub fn add_actions_of(&self, droplet_id: i64, actions: usize) -> Vec<i64> {
        let settles = self.service.options().settle_after_requests;
        self.service
            .change_state()
            .grow(actions, Some(droplet_id), settles)
    }

    /// Puts a handmade action at the head.
    pub fn add_handmade(&self, action: HandmadeAction) {
        self.service
            .change_state()
            .push(super::action::Entry::Handmade(Box::new(action)));
    }

    /// Completes an action in progress. Whether it was.
    pub fn settle(&self, id: i64) -> bool {
        self.end(id, Status::Completed)
    }

    /// Lets an action in progress end in an error. Whether it was in progress.
    pub fn fail(&self, id: i64) -> bool {
        self.end(id, Status::Errored)
    }

    fn end(&self, id: i64, status: Status) -> bool {
        let mut state = self.service.change_state();
        state
            .action_place(id)
            .is_some_and(|place| state.settle(place, status))
    }

    /// Completes all actions in progress, and answers how many there were.
    pub fn settle_all(&self) -> usize {
        self.service.change_state().settle_all()
    }

    /// Destroys a droplet: its endpoints answer 404 from now on. The id of the action that says so.
    pub fn destroy_droplet(&self, droplet_id: i64) -> Option<i64> {
        self.service.change_state().destroy(droplet_id)
    }

    /// Removes an action from the listings for good. Whether it was there.
    pub fn remove_action(&self, id: i64) -> bool {
        self.service.change_state().remove(Some(id)).is_some()
    }

    /// Removes any action, and answers its id.
    pub fn remove_any_action(&self) -> Option<i64> {
        self.service.change_state().remove(None)
    }

    /// The token loses a scope, `actions:read` for example.
    pub fn remove_scope(&self, scope: &str) {
        self.change(|options| {
            options.scopes.remove(scope);
        });
    }

    /// The token gets exactly these scopes.
    pub fn set_scopes(&self, scopes: &[&str]) {
        let scopes: BTreeSet<String> = scopes.iter().map(|&scope| scope.to_owned()).collect();
        self.change(|options| options.scopes = scopes);
    }

    /// So many new actions appear before each request for actions is answered.
    pub fn grow_per_request(&self, actions: usize) {
        self.change(|options| options.grow_per_request = actions);
    }

    /// Moves the account's time, which from then on stands still.
    pub fn advance(&self, seconds: i64) {
        self.service.change_state().advance(seconds);
    }
}
