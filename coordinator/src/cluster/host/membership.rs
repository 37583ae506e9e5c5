//! Shards that come and go while the host runs, where several members share the store.
//!
//! A shard that is not here, or on its way out, takes nothing in: whoever asks is told to look for its owner, and so is whoever asks one whose lease
//! may have ended. One that leaves in order first makes durable what is decided and checkpoints it, so that its next owner has nothing to replay. One that the
//! store has given to another member is dropped as it is.

use std::time::{Duration, Instant};

use baton_engine::Timestamp;
use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::outputs::answer_to;
use super::timers::insist_on_rows;
use super::{Host, HostMessage, Input, Owned};
use crate::cluster::Listed;
use crate::cluster::world::HostWorld;
use crate::shard::{ExecutionId, HeldClaim, Output, Recovering};
use crate::store::Token;

/// What has not become durable by then is left to the log, or has not happened.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(3);

/// A shard that has been read back, on its way to its host.
pub(crate) struct Adoption {
    pub(crate) recovering: Recovering<HostWorld>,
    pub(crate) token: Token,
    /// Timers that are due before `horizon`.
    pub(crate) timers: Vec<(Timestamp, ExecutionId)>,
    pub(crate) horizon: Timestamp,
    /// Is told what others held of the shard's tasks.
    pub(crate) reply: oneshot::Sender<Vec<HeldClaim>>,
}

/// How a shard has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parted {
    /// It is settled and to be released.
    Settled,
    /// It is another member's already, or was not here.
    Lost,
}

/// A shard on its way out.
pub(super) struct Leaving {
    reply: oneshot::Sender<Parted>,
    by: Instant,
}

impl Host {
    /// Something from outside for one of the shards.
    pub(super) fn take_in(&mut self, now: Timestamp, index: usize, input: Input) {
        if self.shared.losses.is_some() && !self.is_at_work(index) && (self.is_leaving(index) || input.can_be_asked_elsewhere()) {
            return self.turn_back(input);
        }
        self.step(now, index, input);
    }

    fn is_leaving(&self, index: usize) -> bool {
        self.shards[index].as_ref().is_some_and(|owned| owned.leaving.is_some())
    }

    /// Whether the shard is here to stay and this process may speak for it. What has come before a round and is handled in it may be answered
    /// by how the lease stood in between.
    fn is_at_work(&mut self, index: usize) -> bool {
        let Some(owned) = &mut self.shards[index] else { return false };
        if owned.held.0 != self.round {
            owned.held = (self.round, self.shared.store.is_held(owned.shard.id(), owned.token));
        }
        owned.held.1 && owned.leaving.is_none()
    }

    /// Tells whoever asks that the shard is not here, and gives back what came with it.
    pub(super) fn turn_back(&mut self, input: Input) {
        match input.elsewhere() {
            Some(Output::Reply(reply, answer)) => answer_to(reply, answer),
            Some(Output::Return(slot)) => self.give_back(slot),
            Some(Output::Stray { slot, id, task, claim }) => self.stray(slot, id, task, claim),
            Some(_) => unreachable!("an input that is turned back asks for nothing"),
            None => {}
        }
    }

    /// Executions of a state machine in the shards that this process may speak for.
    pub(super) fn list(&mut self, state_machine_arn: &str) -> Listed {
        let mut listed = Listed::default();
        let is_shared = self.shared.losses.is_some();
        for index in 0..self.shards.len() {
            if is_shared && !self.is_at_work(index) {
                continue;
            }
            if let Some(owned) = &self.shards[index] {
                listed.shards.insert(owned.shard.id());
                owned.shard.list(state_machine_arn, &mut listed.executions);
            }
        }
        listed
    }

    /// A shard that was read back while the host ran. Its timers may have been read before the host's horizon moved on.
    pub(super) fn adopt_late(&mut self, adoption: Adoption) {
        let Adoption { recovering, token, timers, horizon, reply } = adoption;
        let shard = recovering.id();
        let held = self.adopt(recovering, token, timers);
        self.note_held(shard, &held);
        let present = self.timers.horizon();
        if horizon < present {
            let index = self.index(shard);
            if let Some(owned) = &mut self.shards[index] {
                owned.shard.set_horizon(present, &mut self.asked);
            }
            self.do_asked(index);
            let rows = insist_on_rows(self.shared.store.clone(), shard, horizon, present);
            self.background.push(rows.map(move |rows| HostMessage::TimerRows { shard, rows }).boxed());
        }
        // Whoever has gone away needs no answer.
        let _ = reply.send(held);
    }

    /// The shard goes on as before until nobody waits here for the end of an Express execution of its.
    pub(super) fn begin_finishing(&mut self, index: usize, reply: oneshot::Sender<()>) {
        // Of a shard that is not here nobody waits for anything: dropped, the reply says so.
        if let Some(owned) = &mut self.shards[index]
            && owned.finishing.replace(reply).is_none()
        {
            self.finishing += 1;
        }
    }

    /// Says of those whose executions have ended that they can go.
    pub(super) fn look_after_finishing(&mut self) {
        if self.finishing == 0 {
            return;
        }
        for owned in self.shards.iter_mut().flatten() {
            if !owned.shard.has_awaited_express()
                && let Some(reply) = owned.finishing.take()
            {
                self.finishing -= 1;
                // Whoever has waited for too long needs no answer.
                let _ = reply.send(());
            }
        }
    }

    /// The shard takes nothing in any more. What is decided is settled and checkpointed.
    pub(super) fn begin_leaving(&mut self, index: usize, reply: oneshot::Sender<Parted>) {
        let Some(owned) = &mut self.shards[index] else {
            let _ = reply.send(Parted::Lost);
            return;
        };
        owned.shard.stop_turns();
        self.finishing -= usize::from(owned.finishing.take().is_some());
        if owned.leaving.replace(Leaving { reply, by: Instant::now() + LEAVE_TIMEOUT }).is_none() {
            self.leaving += 1;
        }
        self.touch(index);
    }

    /// Lets those go that are settled, or that take too long.
    pub(super) fn look_after_leaving(&mut self) {
        let now = Instant::now();
        let mut is_checkpoint_wanted = false;
        for index in 0..self.shards.len() {
            let Some(Owned { shard, leaving: Some(leaving), .. }) = &self.shards[index] else { continue };
            let is_settled = shard.is_settled() && !shard.is_dirty();
            if is_settled || now >= leaving.by {
                self.part(index);
            } else {
                is_checkpoint_wanted |= shard.can_checkpoint() && shard.is_dirty();
            }
        }
        if is_checkpoint_wanted {
            self.begin_checkpoints(crate::clock::now());
            self.append_meanwhile();
        }
        if self.leaving > 0 {
            self.next_care = self.next_care.min(now + super::CARE_INTERVAL);
        }
    }

    /// Drops the shards that the store takes nothing from any more. Whoever should have them finds out.
    pub(super) fn drop_lost(&mut self) {
        for index in 0..self.shards.len() {
            let Some(owned) = &self.shards[index] else { continue };
            if let Some(error) = owned.shard.lost() {
                tracing::warn!(shard = %owned.shard.id(), %error, "a shard is lost; whoever has it goes on with it");
                self.part(index);
            }
        }
    }

    /// The shard is gone from here, and so is everything that was here because of it.
    fn part(&mut self, index: usize) {
        let Some(owned) = &mut self.shards[index] else { return };
        let (shard, token, is_lost) = (owned.shard.id(), owned.token, owned.shard.lost().is_some());
        let leaving = owned.leaving.take();
        self.finishing -= usize::from(owned.finishing.take().is_some());
        owned.shard.part(&mut self.asked);
        self.do_asked(index);
        self.shards[index] = None;
        self.timers.forget(shard);
        self.shared.queues.withdraw_all(|task| task.shard == shard);
        self.shared.set_aside.forget(shard);
        self.shared.map_runs.left(shard);
        let parted = if is_lost { Parted::Lost } else { Parted::Settled };
        match leaving {
            Some(Leaving { reply, .. }) => {
                self.leaving -= 1;
                // Whoever has gone away needs no answer.
                let _ = reply.send(parted);
            }
            None => {
                if let Some(losses) = &self.shared.losses {
                    let _ = losses.send((shard, token));
                }
            }
        }
    }
}
