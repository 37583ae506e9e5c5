//! Looks at executions after the load, and reads some histories whole.

use std::cell::Cell;
use std::rc::Rc;

use tokio::task::JoinSet;

use super::lane::Lane;
use super::{Plan, VERIFYING_LANES, join_all};
use crate::api::Api;
use crate::check::{HistoryFault, check_history, first_task_after};
use crate::progress::Progress;

/// How an execution is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// When it has ended.
    Back,
    /// As it is.
    At,
}

impl Plan<'_> {
    /// Every accepted execution, once it has ended.
    pub(super) async fn look_at_all(&self) {
        self.look(Look::Back).await;
    }

    /// Every accepted execution, as it is now.
    pub(super) async fn look_at_all_as_they_are(&self) {
        self.look(Look::At).await;
    }

    async fn look(&self, look: Look) {
        let (next, end) = (Rc::new(Cell::new(0)), self.started());
        let progress = Progress::new("checking", {
            let next = Rc::clone(&next);
            move || (next.get() as f64 / end.max(1) as f64, next.get())
        });
        let mut lanes = JoinSet::new();
        for _ in 0..VERIFYING_LANES {
            lanes.spawn_local(self.look_until(look, Rc::clone(&next), end));
        }
        join_all(lanes).await;
        progress.finish();
    }

    fn look_until(&self, look: Look, next: Rc<Cell<u64>>, end: u64) -> impl Future<Output = ()> + 'static {
        let (run, mut lane) = (Rc::clone(&self.run), Lane::new(&self.run));
        async move {
            while next.get() < end {
                let number = next.replace(next.get() + 1);
                if run.tally.borrow().not_accepted.contains(&number) {
                    continue;
                }
                match look {
                    Look::Back => lane.look_back(number).await,
                    Look::At => lane.look_at(number).await,
                }
            }
        }
    }

    /// Reads histories spread evenly over the run; how many were as they must be.
    pub(super) async fn check_histories(&self) -> u64 {
        let started = self.started();
        let step = (started / self.args.histories.max(1)).max(1);
        let mut api = Api::new(&self.args.endpoint);
        let mut sound = 0;
        for number in (0..started).step_by(usize::try_from(step).unwrap_or(usize::MAX)).take(self.args.histories as usize) {
            if self.run.tally.borrow().not_accepted.contains(&number) {
                continue;
            }
            match self.check_history_of(&mut api, number).await {
                Ok(()) => sound += 1,
                Err(problem) => self.run.tally.borrow_mut().problem(format!("history of execution {number}: {problem}")),
            }
        }
        sound
    }

    async fn check_history_of(&self, api: &mut Api, number: u64) -> Result<(), String> {
        let events = api.history(&self.run.names.arn(number)).await.map_err(|error| error.to_string())?;
        let expected = &self.scenario.expected;
        check_history(&events, &expected.status).map_err(|fault| fault.to_string())?;
        let actual = events.len() as u64;
        if actual != expected.events {
            return Err(HistoryFault::Length { expected: expected.events, actual }.to_string());
        }
        if let Some(waited) = first_task_after(&events) {
            self.run.tally.borrow_mut().first_task_latency.saturating_record(waited.as_micros() as u64);
        }
        Ok(())
    }
}
