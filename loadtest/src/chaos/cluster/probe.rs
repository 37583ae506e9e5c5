//! Whether every shard answers, seen from outside: questions about executions that do not exist, which only the owners of their shards can answer.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::api::{Api, ApiError};
use crate::http::{Endpoint, HttpError};

/// Their hashes meet nearly every one of 256 shards.
pub(super) const MANY: usize = 768;
/// Half of them.
pub(super) const SOME: usize = 192;
const LANES: usize = 24;
/// A coordinator answers within five seconds, if it can be reached.
const ANSWER_PATIENCE: Duration = Duration::from_secs(7);
const RETRY_PAUSE: Duration = Duration::from_millis(20);
/// Between two looks at `/health`.
const LOOK: Duration = Duration::from_millis(25);

/// What has to be asked again and again.
#[derive(Clone, Debug)]
pub(super) struct Probes {
    arn_prefix: String,
    /// How many have been asked for; each goes to another execution.
    asked: Rc<Cell<usize>>,
}

impl Probes {
    pub(super) fn new(state_machine_arn: &str) -> Self {
        let executions = state_machine_arn.replacen(":stateMachine:", ":execution:", 1);
        Self { arn_prefix: format!("{executions}:probe-"), asked: Rc::default() }
    }

    fn arn(&self, number: usize) -> String {
        format!("{}{number}", self.arn_prefix)
    }

    /// Asks all of these servers, in turn, until so many probes have been answered; false if that takes too long.
    pub(super) async fn are_answered(&self, count: usize, endpoints: &[Endpoint], patience: Duration) -> bool {
        let asked = self.ask_all(endpoints, count);
        timeout(patience, asked).await.is_ok()
    }

    /// Asks the same questions again and again until `done` says so, and answers of each how long it took at most.
    pub(super) async fn longest_until(&self, endpoints: &[Endpoint], done: Rc<Cell<bool>>) -> Vec<Duration> {
        let first = self.asked.replace(self.asked.get() + MANY);
        let longest = Rc::new(RefCell::new(vec![Duration::ZERO; MANY]));
        let next = Rc::new(Cell::new(0));
        let mut lanes = JoinSet::new();
        for lane in 0..LANES {
            let (probes, done, longest, next) = (self.clone(), Rc::clone(&done), Rc::clone(&longest), Rc::clone(&next));
            let mut api = Api::new(&endpoints[lane % endpoints.len()]);
            lanes.spawn_local(async move {
                while !done.get() {
                    let number = next.replace((next.get() + 1) % MANY);
                    let taken = probes.until_answered(&mut api, &probes.arn(first + number)).await;
                    let longest = &mut longest.borrow_mut()[number];
                    *longest = taken.max(*longest);
                }
            });
        }
        all_ended(lanes).await;
        longest.take()
    }

    async fn until_answered(&self, api: &mut Api, arn: &str) -> Duration {
        let began = Instant::now();
        while !is_answered(api, arn).await {
            sleep(RETRY_PAUSE).await;
        }
        began.elapsed()
    }

    async fn ask_all(&self, endpoints: &[Endpoint], count: usize) {
        let first = self.asked.replace(self.asked.get() + count);
        let next = Rc::new(Cell::new(first));
        let mut lanes = JoinSet::new();
        for lane in 0..LANES {
            let (next, probes) = (Rc::clone(&next), self.clone());
            let mut api = Api::new(&endpoints[lane % endpoints.len()]);
            lanes.spawn_local(async move {
                while next.get() < first + count {
                    let number = next.replace(next.get() + 1);
                    probes.until_answered(&mut api, &probes.arn(number)).await;
                }
            });
        }
        all_ended(lanes).await;
    }
}

async fn all_ended(mut lanes: JoinSet<()>) {
    while let Some(lane) = lanes.join_next().await {
        lane.expect("a lane neither panics nor is cancelled");
    }
}

async fn is_answered(api: &mut Api, arn: &str) -> bool {
    match timeout(ANSWER_PATIENCE, api.describe_execution(arn)).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => error.code() == Some("ExecutionDoesNotExist"),
        Err(_) => false,
    }
}

/// What a coordinator says of itself at `/health`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Health {
    /// Shards of the store, the catalog's included.
    pub(super) all_shards: u64,
    /// At work there.
    pub(super) own_shards: u64,
    /// Others that it knows to live.
    pub(super) others: usize,
    pub(super) is_broker_connected: bool,
}

impl Health {
    async fn ask(endpoint: &Endpoint) -> Result<Self, ApiError> {
        let mut api = Api::new(endpoint);
        let answer = timeout(ANSWER_PATIENCE, api.get_json("/health")).await;
        Self::read(&answer.unwrap_or(Err(ApiError::Http(HttpError::Timeout)))?)
    }

    fn read(answer: &Value) -> Result<Self, ApiError> {
        let read = || {
            Some(Self {
                all_shards: answer["shards"].as_u64()? + 1,
                own_shards: answer["member"]["shards"].as_u64()?,
                others: answer["others"].as_array()?.len(),
                is_broker_connected: answer["broker"].as_str()? == "connected",
            })
        };
        read().ok_or_else(|| ApiError::Shape(format!("/health is {answer}")))
    }
}

/// How each of these servers stands, if all answer.
pub(super) async fn healths(endpoints: &[Endpoint]) -> Result<Vec<Health>, ApiError> {
    let mut healths = Vec::new();
    for endpoint in endpoints {
        healths.push(Health::ask(endpoint).await?);
    }
    Ok(healths)
}

/// Waits until these servers say that it is so; what is wrong if that takes too long.
pub(super) async fn until(endpoints: &[Endpoint], patience: Duration, is_so: impl Fn(&[Health]) -> bool) -> Result<(), String> {
    let began = Instant::now();
    loop {
        let healths = healths(endpoints).await;
        match &healths {
            Ok(healths) if is_so(healths) => return Ok(()),
            Ok(_) | Err(_) if began.elapsed() > patience => return Err(format!("{healths:?}")),
            Ok(_) | Err(_) => sleep(LOOK).await,
        }
    }
}

/// Whether these servers have all shards among them.
pub(super) fn have_all_shards(healths: &[Health]) -> bool {
    healths.iter().map(|health| health.own_shards).sum::<u64>() >= healths[0].all_shards
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_what_coordinators_say_of_themselves() {
        let answer = |broker: &str| json!({"shards": 256, "member": {"shards": 100}, "others": [{}, {}], "broker": broker});
        let health = Health::read(&answer("connected")).expect("it is whole");
        assert_eq!(health, Health { all_shards: 257, own_shards: 100, others: 2, is_broker_connected: true });
        assert!(!Health::read(&answer("away")).expect("it is whole").is_broker_connected);
        assert!(Health::read(&json!({"shards": 256})).is_err());
        let other = |own_shards| Health { own_shards, ..health.clone() };
        assert!(have_all_shards(&[other(100), other(157)]) && !have_all_shards(&[other(100), other(156)]));
    }
}
