//! What a tested state waits for, from its mock or from the world.

use std::time::Duration;

use baton_engine::{Env, Failure, Payload, Pending, Start, StateTest, TestResult};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::bench::Bench;
use super::mock::Mock;
use super::refusal::Refusal;
use super::request::Request;
use super::task;
use crate::api::start_sync_execution::patience;
use crate::api::{Api, ApiError};
use crate::clock;

/// AWS's limit of a test.
pub(super) const TIME_MAX: Duration = Duration::from_secs(5 * 60);
const CLOSING: &str = "The server is going away.";

/// What the state has waited for.
#[derive(Debug)]
pub(super) enum Brought {
    /// Its time.
    Time,
    /// The result of its work.
    Result(Payload),
    /// The result of a Map state's iterations, and how many of them have failed.
    Iterations { result: Payload, failures: u64, count: u64 },
    /// The failure of its work.
    Failure(Failure),
    /// Nothing, and the test must end.
    Nothing,
}

impl Brought {
    /// Hands it to the state.
    pub(super) fn to(self, test: &StateTest, env: Env<'_>) -> TestResult {
        let now = clock::now();
        match self {
            Self::Time => test.wake(env, now),
            Self::Result(result) => test.succeed(env, &result, now),
            Self::Iterations { result, failures, count } => test.end_iterations(env, &result, failures, count, now),
            Self::Failure(failure) => test.fail(env, failure, now),
            Self::Nothing => test.expire(env),
        }
    }
}

/// Waits for it, five minutes at most.
pub(super) async fn bring(
    api: &Api,
    request: &Request,
    bench: &Bench,
    start: &Start,
    mock: Option<Mock>,
    pending: Pending,
) -> Result<Brought, ApiError> {
    let deadline = Instant::now() + TIME_MAX;
    match (pending, mock) {
        (Pending::Time { until }, _) => {
            let wait = Duration::from_millis(u64::try_from(until - clock::now()).unwrap_or(0));
            tokio::select! {
                () = sleep_until(deadline.min(Instant::now() + wait)) => {}
                () = api.closing().cancelled() => return Err(ApiError::ServiceUnavailable(CLOSING.to_owned())),
            }
            Ok(if wait < TIME_MAX { Brought::Time } else { Brought::Nothing })
        }
        (Pending::Iterations { count }, Some(Mock::Result(result))) => Ok(iterations(request, result, count)?),
        (_, Some(Mock::Result(result))) => Ok(Brought::Result(result)),
        (_, Some(Mock::Failure(failure))) => Ok(Brought::Failure(failure)),
        // What answers at once gives no signs of life, so that a HeartbeatSeconds has no say.
        (Pending::Task { input, timeout_seconds, .. }, None) => {
            let call = task::Call { start, state: bench.state(), input, timeout_seconds };
            tokio::select! {
                called = timeout_at(deadline, task::call(api, call)) => called.unwrap_or(Ok(Brought::Nothing)),
                () = patience(api) => Err(ApiError::ServiceUnavailable(CLOSING.to_owned())),
            }
        }
        (Pending::Branches | Pending::Iterations { .. }, None) => {
            unreachable!("a Parallel or Map state without a mock is refused before it is entered")
        }
    }
}

/// Where the items are not known, there are as many iterations as the mock has results.
fn iterations(request: &Request, result: Payload, count: Option<u64>) -> Result<Brought, Refusal> {
    let count = count.unwrap_or_else(|| result.value().as_array().map_or(0, Vec::len) as u64);
    let failures = request.configuration.iteration_failures.unwrap_or(0);
    if failures > count {
        return Err(Refusal::TooManyFailures);
    }
    Ok(Brought::Iterations { result, failures, count })
}
