//! What the session does with tasks: takes grants, answers offers, gives claims up, keeps outcomes.

use std::time::Duration;

use baton_proto::worker::v1::{Denied, Dispatch, Granted, Outcome, TaskOffer, outcome};
use bytes::Bytes;
use tokio::time::Instant;

use super::Session;
use super::claims::ClaimNumber;
use super::queues::Queues;
use super::runner::{Job, RunnerEvent};
use crate::invocation::{Completion, FunctionError, Invocation};

impl Session {
    pub(super) fn on_granted(&mut self, granted: Granted) {
        let claimed = self.answered(&granted.token, granted.claim_id);
        let queue = match self.config.dispatch {
            Dispatch::Grant => claimed.or_else(|| self.queues.index_of(&granted.queue)),
            // In this mode only what was claimed, with the id that it was claimed with, is ours.
            Dispatch::Offer if claimed.is_none() => return,
            Dispatch::Offer => claimed,
        };
        let queue = queue.unwrap_or(Queues::UNKNOWN);
        self.beat_for(granted.heartbeat_seconds);
        let Some(number) = self.claims.accept(&granted.token, granted.claim_id, queue) else {
            // Never so for a claim just answered, whose id is new; the slot would be lost otherwise.
            claimed.into_iter().for_each(|queue| self.queues.free_slot(queue));
            return;
        };
        if claimed.is_none() {
            self.queues.take_slot(queue);
        }
        match self.queues.handler(queue).cloned() {
            Some(handler) => self.jobs.push(Job { number, handler, invocation: Invocation::new(granted, self.log_sender.clone()) }),
            None => self.finish(number, Err(not_served(&granted)).into()),
        }
    }

    /// A task that wants heartbeats more often than the coordinator does makes this session beat three times in its interval.
    fn beat_for(&mut self, heartbeat_seconds: u32) {
        let wanted = Duration::from_secs(u64::from(heartbeat_seconds)) / 3;
        if heartbeat_seconds > 0 && wanted < self.heartbeat {
            self.heartbeat = wanted;
            self.next_heartbeat = self.next_heartbeat.min(Instant::now() + wanted);
        }
    }

    pub(super) fn on_offer(&mut self, offer: TaskOffer) {
        let queue = self.queues.index_of(&offer.queue);
        match queue.filter(|&queue| self.queues.has_room(queue) && !self.is_draining()) {
            Some(queue) => {
                self.queues.take_slot(queue);
                self.offers.claim(offer.token, queue, None);
            }
            None => {
                queue.into_iter().for_each(|queue| self.queues.spend_credit(queue));
                self.offers.release(offer.token);
            }
        }
    }

    pub(super) fn on_denied(&mut self, denied: &Denied) {
        if let Some(queue) = self.answered(&denied.token, denied.claim_id) {
            self.claims.denied(&denied.token, denied.claim_id);
            self.queues.free_slot(queue);
        }
    }

    /// A claim is answered, and with it the offer in the broker's message. Gives the queue whose slot was kept for it.
    fn answered(&mut self, token: &Bytes, claim_id: u64) -> Option<usize> {
        let pending = self.offers.answered(token, claim_id)?;
        if let Some(delivery) = pending.delivery {
            self.pulls.settle(delivery);
        }
        Some(pending.queue)
    }

    /// Ends a claim without an outcome: it was cancelled, or is no longer ours.
    pub(super) fn give_up(&mut self, token: &Bytes, claim_id: u64) {
        let pending = self.answered(token, claim_id);
        if let Some(queue) = pending.or_else(|| self.claims.give_up(token, claim_id)) {
            self.queues.free_slot(queue);
        }
        // Granted in the same message as, or just before, its end: it must not start any more.
        self.jobs.retain(|job| self.claims.is_held(job.number));
    }

    pub(super) fn on_runner(&mut self, event: RunnerEvent) {
        match event {
            RunnerEvent::Finished(completions) => completions.into_iter().for_each(|(number, completion)| self.finish(number, completion)),
            RunnerEvent::Parked(number, handle) => self.claims.parked(number, handle),
        }
    }

    fn finish(&mut self, number: ClaimNumber, completion: Completion) {
        let queue = self.claims.finish(number, |token, claim_id| Outcome {
            token,
            claim_id,
            report_id: number,
            result: Some(match completion.result {
                Ok(output) => outcome::Result::Output(output),
                Err(error) => outcome::Result::Failure(error.into_failure()),
            }),
            log_tail: completion.log_tail,
            executed_version: String::new(),
        });
        if let Some(queue) = queue {
            self.queues.free_slot(queue);
        }
    }
}

fn not_served(granted: &Granted) -> FunctionError {
    FunctionError::new("Lambda.ResourceNotFoundException", format!("Function not found: {}", granted.resource)).before_handler()
}
