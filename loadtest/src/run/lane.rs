//! One connection that starts executions, one after the other, and where the scenario asks for it waits for each.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::pace::{Pace, Ticket};
use super::tally::Tally;
use crate::api::{ApiError, Execution};
use crate::backoff::Backoff;
use crate::check::Expectation;
use crate::http::{Connection, Endpoint, ExecutionNames, Request, RequestTemplate};
use crate::scenario::Finish;

/// A start is repeated for this long before it counts as refused.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// An execution that has not ended after this long is stuck.
const END_PATIENCE: Duration = Duration::from_secs(180);
/// The server answers a wait after this long at the latest.
const WAIT_SECONDS: u32 = 60;

/// What all lanes of a run share.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) endpoint: Endpoint,
    pub(crate) names: ExecutionNames,
    pub(crate) expectation: Expectation,
    pub(crate) tally: RefCell<Tally>,
    start: RequestTemplate,
    wait: RequestTemplate,
    describe: RequestTemplate,
}

impl Run {
    pub(crate) fn new(
        endpoint: &Endpoint,
        names: ExecutionNames,
        state_machine_arn: &str,
        input: &str,
        expectation: Expectation,
        finish: Finish,
    ) -> Self {
        let operation = if finish == Finish::Sync { "StartSyncExecution" } else { "StartExecution" };
        let start = |name: &str, _: &str| {
            Request::aws(endpoint, operation, &json!({"stateMachineArn": state_machine_arn, "input": input, "name": name}))
        };
        let wait = |_: &str, arn: &str| Request::wait(endpoint, arn, WAIT_SECONDS);
        let describe = |_: &str, arn: &str| Request::aws(endpoint, "DescribeExecution", &json!({"executionArn": arn}));
        Self {
            start: RequestTemplate::new(&names, start),
            wait: RequestTemplate::new(&names, wait),
            describe: RequestTemplate::new(&names, describe),
            endpoint: endpoint.clone(),
            names,
            expectation,
            tally: RefCell::new(Tally::new()),
        }
    }
}

/// A connection and the requests it sends.
#[derive(Debug)]
pub(crate) struct Lane {
    run: Rc<Run>,
    connection: Connection,
    start: RequestTemplate,
    wait: RequestTemplate,
    describe: RequestTemplate,
}

impl Lane {
    pub(crate) fn new(run: &Rc<Run>) -> Self {
        Self {
            connection: Connection::new(&run.endpoint),
            start: run.start.clone(),
            wait: run.wait.clone(),
            describe: run.describe.clone(),
            run: Rc::clone(run),
        }
    }

    /// Starts executions as `pace` allows, until the run is over.
    pub(crate) async fn start_all(mut self, pace: Rc<Pace>, waits: bool) {
        while let Some(ticket) = pace.ticket().await {
            match self.start(ticket.number).await {
                Ok(()) => self.run.tally.borrow_mut().accepted(ticket),
                Err(error) if self.run.tally.borrow_mut().not_accepted(ticket.number, &error) => {
                    continue;
                }
                Err(_) => return pace.stop(),
            }
            if waits {
                self.wait_for(ticket).await;
            }
        }
    }

    /// Runs executions to their ends as `pace` allows, until the run is over.
    pub(crate) async fn run_all(mut self, pace: Rc<Pace>) {
        while let Some(ticket) = pace.ticket().await {
            match self.run_one(ticket.number).await {
                Ok(execution) => {
                    let mut tally = self.run.tally.borrow_mut();
                    tally.accepted(ticket);
                    tally.ended_now(ticket);
                    drop(tally);
                    self.check(ticket.number, &execution);
                }
                Err(error) if self.run.tally.borrow_mut().not_accepted(ticket.number, &error) => {}
                Err(_) => return pace.stop(),
            }
        }
    }

    async fn run_one(&mut self, number: u64) -> Result<Execution, ApiError> {
        let mut backoff = Backoff::new(START_PATIENCE);
        loop {
            let error = match self.connection.exchange(self.start.for_execution(number)).await {
                Ok(answer) => match Execution::read(&answer) {
                    Ok(execution) => return Ok(execution),
                    Err(error) => error,
                },
                Err(error) => error.into(),
            };
            if !error.is_passing() || !backoff.wait().await {
                return Err(error);
            }
            self.run.tally.borrow_mut().retried(&error);
        }
    }

    async fn start(&mut self, number: u64) -> Result<(), ApiError> {
        let mut backoff = Backoff::new(START_PATIENCE);
        loop {
            let error = match self.connection.exchange(self.start.for_execution(number)).await {
                Ok(answer) if answer.status == 200 => return Ok(()),
                Ok(answer) => ApiError::from_answer(&answer),
                Err(error) => error.into(),
            };
            // The answer to an earlier try got lost, and the execution has ended since.
            if backoff.has_waited() && error.code() == Some("ExecutionAlreadyExists") {
                return Ok(());
            }
            if !error.is_passing() || !backoff.wait().await {
                return Err(error);
            }
            self.run.tally.borrow_mut().retried(&error);
        }
    }

    async fn wait_for(&mut self, ticket: Ticket) {
        match self.end_of(ticket.number).await {
            Ok(execution) => {
                self.run.tally.borrow_mut().ended_now(ticket);
                self.check(ticket.number, &execution);
            }
            Err(problem) => self.run.tally.borrow_mut().problem(format!("execution {}: {problem}", ticket.number)),
        }
    }

    /// Looks at an execution that was started earlier, when it has ended.
    pub(crate) async fn look_back(&mut self, number: u64) {
        match self.end_of(number).await {
            Ok(execution) => {
                self.run.tally.borrow_mut().ended_at(&execution);
                self.check(number, &execution);
            }
            Err(problem) => self.run.tally.borrow_mut().problem(format!("execution {number}: {problem}")),
        }
    }

    /// Looks at an execution as it is.
    pub(crate) async fn look_at(&mut self, number: u64) {
        let described = match self.connection.exchange(self.describe.for_execution(number)).await {
            Ok(answer) => Execution::read(&answer),
            Err(error) => Err(error.into()),
        };
        match described {
            Ok(execution) => self.check(number, &execution),
            Err(error) => self.run.tally.borrow_mut().problem(format!("execution {number}: {error}")),
        }
    }

    /// The execution once it has ended; not checked and not counted.
    pub(crate) async fn end_of(&mut self, number: u64) -> Result<Execution, String> {
        let begun = Instant::now();
        let mut backoff = Backoff::new(END_PATIENCE);
        loop {
            let seen = match self.connection.exchange(self.wait.for_execution(number)).await {
                Ok(answer) => Execution::read(&answer),
                Err(error) => Err(error.into()),
            };
            match seen {
                Ok(execution) if execution.status != "RUNNING" => return Ok(execution),
                Ok(_) if begun.elapsed() < END_PATIENCE => {}
                Ok(_) => return Err(format!("still running after {} s", END_PATIENCE.as_secs())),
                Err(error) if error.is_passing() && backoff.wait().await => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    fn check(&self, number: u64, execution: &Execution) {
        let mut tally = self.run.tally.borrow_mut();
        match self.run.expectation.check(execution) {
            Ok(()) => tally.as_expected += 1,
            Err(difference) => tally.problem(format!("execution {number}: {difference}")),
        }
    }
}
