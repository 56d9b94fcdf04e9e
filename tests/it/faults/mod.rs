//! The fault matrix: for every fault, a sync ends complete, or its message says that it does not.
//!
//! A row of the `table` is a fault, the page that it hits, and the expected result: the exit status, a part of the
//! message, and the amount of archived actions. The test also checks for every row that nothing archived is untrue,
//! that the file is sound, and that the next undisturbed sync completes the archive. Waits are real, so rows run at
//! once.

mod elsewhere;
mod order;
mod table;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;

use crate::account::cloud;
use crate::asked::requests;
use crate::cloud::{Cloud, Fault, FaultRule};
use crate::process::Run;
use crate::sandbox::Sandbox;

/// Five pages, the last one half full.
const ACTIONS: usize = 900;
/// Rows that run at once. Most of the time they wait.
const AT_ONCE: usize = 24;

/// A fault, and the expected result of a sync that meets it.
struct Row {
    name: String,
    rules: Vec<FaultRule>,
    status: i32,
    says: Option<&'static str>,
    holds: Holds,
    most_requests: usize,
}

/// The amount of archived actions.
#[derive(Clone, Copy)]
enum Holds {
    Everything,
    AtLeast(usize),
}

impl Row {
    fn new(name: String, rules: Vec<FaultRule>) -> Self {
        Self {
            name,
            rules,
            status: 0,
            says: None,
            holds: Holds::Everything,
            most_requests: 40,
        }
    }

    fn exits(mut self, status: i32) -> Self {
        self.status = status;
        self
    }

    fn says(mut self, text: &'static str) -> Self {
        self.says = Some(text);
        self
    }

    fn holds_at_least(mut self, actions: usize) -> Self {
        self.holds = Holds::AtLeast(actions);
        self
    }

    fn check(&self) {
        let cloud = cloud(4, ACTIONS);
        for rule in &self.rules {
            cloud.break_with(rule.clone());
        }
        let sandbox = Sandbox::new();
        let run = sandbox.sync(&cloud, &["--all"]);
        assert!(cloud.faults_fired() > 0, "the fault never struck");
        assert!(
            requests(&cloud) <= self.most_requests,
            "{}",
            requests(&cloud)
        );
        self.check_words(run);
        self.check_archive(&sandbox, &cloud);
        cloud.clear_faults();
        sandbox.sync(&cloud, &["--all"]).exits(0).silently();
        sandbox.archive().equals(&cloud);
    }

    fn check_words(&self, run: Run) {
        let run = run.exits(self.status);
        if let Some(text) = self.says {
            run.says(text).says("error: ");
        } else if self.status == 0 {
            run.silently();
        }
    }

    fn check_archive(&self, sandbox: &Sandbox, cloud: &Cloud) {
        let archive = sandbox.archive();
        let archived = archive.actions();
        let truth = cloud.actions();
        let true_and_archived = truth.iter().filter(|it| archived.get(&it.id) == Some(it));
        assert_eq!(true_and_archived.count(), archived.len(), "untrue rows");
        match self.holds {
            Holds::Everything => archive.equals(cloud),
            Holds::AtLeast(least) => {
                assert!(archived.len() >= least, "only {} actions", archived.len());
            }
        }
    }
}

/// Hits the first, a middle and the last page once each. The sync asks for the page again each time.
fn once(name: &str, fault: Fault) -> Row {
    let rules = [1, 3, 5].map(|page| FaultRule::new(fault.clone()).path("/actions").page(page));
    let rules = rules.map(|rule| rule.times(1));
    Row::new(format!("{name}, once each"), rules.to_vec())
}

/// Hits the answer for this page once.
fn once_on(page: u64, name: &str, fault: Fault) -> Row {
    let rule = FaultRule::new(fault).path("/actions").page(page).times(1);
    Row::new(format!("{name}, once on page {page}"), vec![rule])
}

/// Hits every answer for this page.
fn always_on(page: u64, name: &str, fault: Fault) -> Row {
    let rule = FaultRule::new(fault).path("/actions").page(page);
    Row::new(format!("{name}, always on page {page}"), vec![rule])
}

/// Hits every answer.
fn always(name: &str, fault: Fault) -> Row {
    Row::new(format!("{name}, always"), vec![FaultRule::new(fault)])
}

#[test]
fn whatever_goes_wrong_a_sync_ends_complete_or_says_that_it_is_not() {
    let rows = Mutex::new(table::rows().into_iter());
    let failures = Mutex::new(Vec::new());
    let work = || {
        loop {
            let next = rows.lock().unwrap().next();
            let Some(row) = next else { return };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| row.check())) {
                let words = panic.downcast_ref::<String>().cloned();
                let failure = format!("## {}\n{}", row.name, words.unwrap_or_default());
                failures.lock().unwrap().push(failure);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
