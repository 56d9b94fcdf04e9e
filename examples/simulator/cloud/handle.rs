//! The handle of a running simulator: tests use it to query, change and break the API.

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

/// A running account. Clones share it. It is served until the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Cloud {
    service: Arc<Service>,
    server: Arc<Mutex<Server>>,
}

impl Cloud {
    /// Serves an account with a generated history, in a separate thread.
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

    /// Stops serving and frees the port: later connections are refused.
    pub fn stop(&self) {
        lock(&self.server).stop();
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        self.service.base_url.clone()
    }

    /// The accepted token.
    pub fn token(&self) -> String {
        self.service.options().token.clone()
    }

    /// Changes the behaviour from the next request on: limits, scopes, latency, order, growth, gzip, token.
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

    /// Adds a fault. The faults of several matching rules add up; the first that replaces the answer wins.
    pub fn break_with(&self, rule: FaultRule) {
        lock(&self.service.rules).push(rule);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        lock(&self.service.rules).clear();
    }

    /// Sends the answers that are held now ([`Fault::Hold`](super::faults::Fault::Hold)).
    pub fn release(&self) {
        self.service.released.send_replace(());
    }

    /// The number of answers that the current rules have broken so far.
    pub fn faults_fired(&self) -> u64 {
        lock(&self.service.rules).iter().map(FaultRule::fired).sum()
    }

    /// All requests so far, in the order of their arrival.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        lock(&self.service.log).clone()
    }

    /// Clears the requests so far, and their maximum concurrency.
    pub fn clear_requests(&self) {
        lock(&self.service.log).clear();
        self.service.busy.forget();
    }

    /// Clears the requests that count towards the limits.
    pub fn reset_limits(&self) {
        lock(&self.service.limits).forget();
    }

    /// The maximum number of requests that were answered at once.
    pub fn most_at_once(&self) -> usize {
        self.service.busy.most()
    }

    /// The truth: all actions of the account, newest first, except those whose id is not an integer.
    pub fn actions(&self) -> Vec<Action> {
        let state = self.service.state();
        state
            .actions_at(state.listing(None, 0).iter().rev())
            .collect()
    }

    /// The removed actions, in the order of their removal.
    pub fn removed_actions(&self) -> Vec<Action> {
        let state = self.service.state();
        state.actions_at(state.removed.iter()).collect()
    }

    /// The removed actions that the droplet's own listing showed.
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

    /// The number of rows in the account's listing.
    pub fn total(&self) -> usize {
        self.service.state().listed.len()
    }

    /// The action with this id.
    pub fn action(&self, id: i64) -> Option<Action> {
        let state = self.service.state();
        let place = state.action_place(id)?;
        state
            .entries
            .get(place)
            .and_then(|entry| state.action(entry))
    }

    /// The content of that droplet's own listing, newest first. For a gone droplet, the content that it would have.
    pub fn actions_of(&self, droplet_id: i64) -> Vec<Action> {
        let state = self.service.state();
        let Some(droplet) = state.droplet_place(droplet_id) else {
            return Vec::new();
        };
        let places = state.listing(Some(droplet), 0);
        state.actions_at(places.iter().rev()).collect()
    }

    /// The existing droplets, oldest first.
    pub fn droplets(&self) -> Vec<Droplet> {
        self.all_droplets()
            .into_iter()
            .filter(|droplet| !droplet.destroyed)
            .collect()
    }

    /// The gone droplets, oldest first.
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

    /// Starts an action of a droplet now, in progress, and returns its id.
    pub fn add_action(&self, droplet_id: i64, kind: &str) -> i64 {
        let settles = self.service.options().settle_after_requests;
        self.service
            .change_state()
            .start_action(droplet_id, kind, settles)
    }

    /// Adds actions of any droplets at the head, completed unless actions settle by themselves. Returns their ids.
    pub fn add_actions(&self, actions: usize) -> Vec<i64> {
        let settles = self.service.options().settle_after_requests;
        self.service.change_state().grow(actions, None, settles)
    }

    /// Adds actions of one droplet at the head, as [`Cloud::add_actions`] does.
    pub fn add_actions_of(&self, droplet_id: i64, actions: usize) -> Vec<i64> {
        let settles = self.service.options().settle_after_requests;
        self.service
            .change_state()
            .grow(actions, Some(droplet_id), settles)
    }

    /// Adds a handmade action at the head.
    pub fn add_handmade(&self, action: HandmadeAction) {
        self.service
            .change_state()
            .push(super::action::Entry::Handmade(Box::new(action)));
    }

    /// Completes an action in progress. Returns true when it was in progress.
    pub fn settle(&self, id: i64) -> bool {
        self.end(id, Status::Completed)
    }

    /// Ends an action in progress with an error. Returns true when it was in progress.
    pub fn fail(&self, id: i64) -> bool {
        self.end(id, Status::Errored)
    }

    fn end(&self, id: i64, status: Status) -> bool {
        let mut state = self.service.change_state();
        state
            .action_place(id)
            .is_some_and(|place| state.settle(place, status))
    }

    /// Completes all actions in progress, and returns their number.
    pub fn settle_all(&self) -> usize {
        self.service.change_state().settle_all()
    }

    /// Destroys a droplet: its endpoints answer 404 from now on. Returns the id of the action that records it.
    pub fn destroy_droplet(&self, droplet_id: i64) -> Option<i64> {
        self.service.change_state().destroy(droplet_id)
    }

    /// Removes an action from the listings permanently. Returns true when it existed.
    pub fn remove_action(&self, id: i64) -> bool {
        self.service.change_state().remove(Some(id)).is_some()
    }

    /// Removes any action, and returns its id.
    pub fn remove_any_action(&self) -> Option<i64> {
        self.service.change_state().remove(None)
    }

    /// Removes a scope from the token, `actions:read` for example.
    pub fn remove_scope(&self, scope: &str) {
        self.change(|options| {
            options.scopes.remove(scope);
        });
    }

    /// Gives the token exactly these scopes.
    pub fn set_scopes(&self, scopes: &[&str]) {
        let scopes: BTreeSet<String> = scopes.iter().map(|&scope| scope.to_owned()).collect();
        self.change(|options| options.scopes = scopes);
    }

    /// Adds this many actions before each request for actions is answered.
    pub fn grow_per_request(&self, actions: usize) {
        self.change(|options| options.grow_per_request = actions);
    }

    /// Moves the account's time, which then stands still.
    pub fn advance(&self, seconds: i64) {
        self.service.change_state().advance(seconds);
    }
}
