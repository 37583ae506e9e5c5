//! Runs granted invocations beside the session.
//!
//! Most Rust functions are ready when first polled. A task for each would cost more than the function, so a batch of grants shares one task that
//! polls each of them once; the ones that have to wait then get a task of their own. What has ended goes back to the session many at a time.

use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;

use super::claims::ClaimNumber;
use crate::handlers::Handler;
use crate::invocation::{Completion, Invocation};

/// Invocations that share a task until their first wait.
const BATCH_MAX: usize = 32;
/// What has ended is not held back for longer than this by slower ones of the batch.
const HELD_BACK_MAX: Duration = Duration::from_micros(500);

/// An invocation that is to run.
pub(super) struct Job {
    pub(super) number: ClaimNumber,
    pub(super) handler: Handler,
    pub(super) invocation: Invocation,
}

/// What the session hears about running invocations. The channel needs no bound of its own: there is no more in it than there are grants.
pub(super) enum RunnerEvent {
    Finished(Vec<(ClaimNumber, Completion)>),
    /// It waits in a task of its own now, which the handle ends.
    Parked(ClaimNumber, AbortHandle),
}

/// Starts the jobs and returns at once.
pub(super) fn start(mut jobs: Vec<Job>, events: &UnboundedSender<RunnerEvent>) {
    while !jobs.is_empty() {
        let rest = jobs.split_off(jobs.len().min(BATCH_MAX));
        let events = events.clone();
        tokio::spawn(async move { run_batch(jobs, &events) });
        jobs = rest;
    }
}

fn run_batch(jobs: Vec<Job>, events: &UnboundedSender<RunnerEvent>) {
    let mut finished = Vec::with_capacity(jobs.len());
    let mut since = Instant::now();
    for Job { number, handler, invocation } in jobs {
        let mut future = handler.invoke(invocation);
        match future.as_mut().now_or_never() {
            Some(completion) => finished.push((number, completion)),
            None => park(number, future, events),
        }
        if !finished.is_empty() && since.elapsed() > HELD_BACK_MAX {
            // A session that has ended wants to hear nothing more.
            let _ = events.send(RunnerEvent::Finished(std::mem::take(&mut finished)));
            since = Instant::now();
        }
    }
    if !finished.is_empty() {
        let _ = events.send(RunnerEvent::Finished(finished));
    }
}

fn park(number: ClaimNumber, future: futures_util::future::BoxFuture<'static, Completion>, events: &UnboundedSender<RunnerEvent>) {
    let sender = events.clone();
    let task = tokio::spawn(async move {
        let completion = future.await;
        let _ = sender.send(RunnerEvent::Finished(vec![(number, completion)]));
    });
    let _ = events.send(RunnerEvent::Parked(number, task.abort_handle()));
}
