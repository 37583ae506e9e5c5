//! A worker that outlives coordinators: it knows what it was granted, reports until it is heard, and keeps a ledger of what it has run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use baton_proto::worker::v1::{Code, Failure, Granted, Heartbeats, Hello, outcome, worker_message};
use parking_lot::Mutex;
use serde_json::Value;

use crate::support::*;

/// See the module.
#[derive(Default)]
pub(super) struct LedgerWorker {
    /// Granted and not reported, or not heard of.
    held: Mutex<Vec<Granted>>,
    /// How often each execution's task was run, in the order of the first time: its number and the executions that ran it.
    ledger: Mutex<BTreeMap<u64, BTreeMap<String, usize>>>,
    broken: Mutex<Vec<u64>>,
    /// It begins to report no more than so many tasks in all, and holds on to those behind.
    patience: Mutex<Option<usize>>,
    /// Claims that it has begun to report, heard or not.
    begun: Mutex<BTreeSet<u64>>,
}

impl LedgerWorker {
    /// Items whose tasks fail.
    pub(super) fn breaks_for(&self, broken: &[u64]) {
        *self.broken.lock() = broken.to_vec();
    }

    /// From now on it holds on to tasks when it has begun to report so many in its life.
    pub(super) fn reports_only(&self, most: Option<usize>) {
        *self.patience.lock() = most;
    }

    /// Which executions ran which item, and how often.
    pub(super) fn ledger(&self) -> BTreeMap<u64, BTreeMap<String, usize>> {
        self.ledger.lock().clone()
    }

    /// How many tasks it holds.
    pub(super) fn held(&self) -> usize {
        self.held.lock().len()
    }

    /// Works for this coordinator until the test stops listening.
    pub(super) async fn work(&self, system: &System) {
        let running = self.held.lock().iter().map(claim_of).collect();
        let mut session = TestWorker::connect(system, Hello { running, ..hello("lambda:f", 4) }).await;
        let lost = session.welcome.lost.clone();
        self.held.lock().retain(|granted| !lost.contains(&claim_of(granted)));
        loop {
            while let Some(granted) = self.next_to_report() {
                let n = number(&granted);
                let result = if self.broken.lock().contains(&n) {
                    outcome::Result::Failure(Failure { error: "Broken".to_owned(), ..Failure::default() })
                } else {
                    outcome::Result::Output((n * 10).to_string().into())
                };
                let code = session.report(&granted, result).await;
                assert_ne!(code, Code::RetryLater, "nothing is overloaded here");
                self.reported(&granted);
            }
            let granted = tokio::select! {
                granted = session.granted() => granted,
                () = tokio::time::sleep(Duration::from_secs(1)) => {
                    session.send(worker_message::Message::Heartbeats(Heartbeats::default())).await;
                    continue;
                }
            };
            let mut ledger = self.ledger.lock();
            *ledger.entry(number(&granted)).or_default().entry(granted.execution_arn.clone()).or_default() += 1;
            self.held.lock().push(granted);
        }
    }

    fn next_to_report(&self) -> Option<Granted> {
        let first = self.held.lock().first().cloned()?;
        let mut begun = self.begun.lock();
        let may_begin = self.patience.lock().is_none_or(|most| begun.len() < most);
        if may_begin {
            begun.insert(first.claim_id);
        }
        begun.contains(&first.claim_id).then_some(first)
    }

    fn reported(&self, granted: &Granted) {
        self.held.lock().retain(|held| held.claim_id != granted.claim_id);
    }
}

/// The item that the task is of.
fn number(granted: &Granted) -> u64 {
    let input: Value = serde_json::from_slice(&granted.input).expect("inputs are JSON");
    input["n"].as_u64().unwrap_or_else(|| input["Items"][0]["n"].as_u64().expect("the item's number"))
}
