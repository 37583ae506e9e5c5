//! What the store and the owners do with each other.

use super::rules::{Fence, Promotion};
use super::state::{Owner, Phase, Request, ShardFence, State};
use super::store::{Op, Store};

impl ShardFence {
    /// The stream that this owner talks to.
    fn stream<'a>(&self, state: &'a mut State, owner: usize) -> &'a mut Vec<Op> {
        match &mut state.deposed {
            Some(deposed) if state.owners[owner].is_behind => deposed,
            Some(_) | None => &mut state.stream,
        }
    }

    /// Whether enough copies have the stream that this owner talks to, up to `len`. Nobody copies from a deposed primary.
    fn is_safe(&self, state: &State, owner: usize, len: u8) -> bool {
        let safe = state.copies[..self.rules.copies].iter().filter(|copy| **copy >= len).count();
        self.rules.wait == 0 || (!state.owners[owner].is_behind && safe >= self.rules.wait)
    }

    pub(super) fn fail_over(&self, state: &mut State, copy: usize) -> bool {
        let copies = &state.copies[..self.rules.copies];
        let is_chosen = self.rules.promotion == Promotion::Any || copies.iter().all(|other| *other <= copies[copy]);
        if state.left.failovers == 0 || !is_chosen {
            return false;
        }
        state.left.failovers -= 1;
        let kept = state.copies[copy];
        let old = std::mem::take(&mut state.stream);
        state.stream = old[..usize::from(kept)].to_vec();
        state.copies = state.copies.map(|other| other.min(kept));
        // A write under way, whose answer would have come from the old primary, ends without one.
        for owner in &mut state.owners {
            owner.is_behind = self.scope.splits;
            if let Some((_, phase @ Phase::Written { .. })) = &mut owner.pending
                && !self.scope.splits
            {
                *phase = Phase::Unknown;
            }
        }
        state.deposed = self.scope.splits.then_some(old);
        state.is_leased = Store::of(&state.stream).token != 0;
        true
    }

    /// The store gives the lease up. That its owner has done so before is what counting from the request is for.
    pub(super) fn lease_ends(&self, state: &mut State) -> bool {
        let token = Store::of(&state.stream).token;
        let believes = state.owners.iter().any(|owner| owner.token == token && owner.is_leased);
        if believes && self.rules.lease_counts_from_request {
            return false;
        }
        std::mem::take(&mut state.is_leased)
    }

    pub(super) fn acquire(&self, state: &mut State, owner: usize) -> bool {
        if state.left.takes == 0 || state.owners[owner].token != 0 || state.owners[owner].is_behind || state.is_leased {
            return false;
        }
        state.left.takes -= 1;
        let store = Store::of(&state.stream);
        state.tokens += 1;
        let token = match self.rules.tokens_are_unique {
            true => state.tokens,
            false => 1 + state.stream.iter().filter(|op| matches!(op, Op::Acquire { .. })).count() as u8,
        };
        state.stream.push(Op::Acquire { token });
        state.is_leased = true;
        let joining = if self.rules.waits_for_acquire { state.stream.len() as u8 } else { 0 };
        let me = &mut state.owners[owner];
        *me =
            Owner { token, joining, is_leased: true, ghost: me.ghost, checkpoint: me.checkpoint, release: me.release, ..Owner::default() };
        me.seq = store.batches.len() as u8;
        me.last = store.last();
        true
    }

    /// Its taking is safe. What it has read it has read from a primary that has not been deposed meanwhile.
    pub(super) fn joined(&self, state: &mut State, owner: usize) -> bool {
        let len = state.owners[owner].joining;
        if len == 0 || !self.is_safe(state, owner, len) {
            return false;
        }
        let store = Store::of(&state.stream);
        let me = &mut state.owners[owner];
        me.joining = 0;
        if store.token != me.token {
            // Another one has taken it since, or a failover has forgotten the taking.
            me.token = 0;
            me.is_leased = false;
        }
        true
    }

    pub(super) fn append(&self, state: &mut State, owner: usize) -> bool {
        let me = &state.owners[owner];
        if me.token == 0 || me.joining != 0 || me.pending.is_some() || state.batches == self.scope.appends {
            return false;
        }
        state.batches += 1;
        let id = state.batches;
        let me = &mut state.owners[owner];
        let request = Request { token: me.token, expected: me.seq, id, base: me.last };
        me.pending = Some((request, Phase::Sent));
        true
    }

    /// What the store says: `Ok(true)` if it has been written, now or before.
    fn write(&self, stream: &mut Vec<Op>, request: Request) -> Answer {
        let store = Store::of(stream);
        let Request { token, expected, id, base } = request;
        let seq = store.batches.len() as u8;
        let checks_token = matches!(self.rules.fence, Fence::Token | Fence::TokenAndSeq);
        let checks_seq = matches!(self.rules.fence, Fence::Seq | Fence::TokenAndSeq);
        if checks_token && store.token != token {
            return Answer::Fenced;
        }
        if !checks_seq || seq == expected {
            stream.push(Op::Batch { token, id, base });
            return Answer::Written;
        }
        if seq < expected {
            return Answer::Regressed;
        }
        let is_mine = store.batches[usize::from(expected)] == (token, id) || !self.rules.repeats_by_digest;
        if seq == expected + 1 && is_mine { Answer::Written } else { Answer::Conflict }
    }

    pub(super) fn deliver(&self, state: &mut State, owner: usize) -> bool {
        let Some((request, Phase::Sent)) = state.owners[owner].pending else { return false };
        let answer = self.write(self.stream(state, owner), request);
        let len = self.stream(state, owner).len() as u8;
        let me = &mut state.owners[owner];
        match answer {
            Answer::Written => me.pending = Some((request, Phase::Written { len })),
            Answer::Regressed if self.rules.appends_tail_again => self.append_tail_again(state, owner),
            Answer::Fenced | Answer::Conflict | Answer::Regressed => me.lose(),
        }
        true
    }

    /// The owner writes again what the store has forgotten, as far as it remembers: its own last batch.
    fn append_tail_again(&self, state: &mut State, owner: usize) {
        let me = &state.owners[owner];
        let (token, last, seq) = (me.token, me.last, me.seq);
        let stream = self.stream(state, owner);
        let store = Store::of(stream);
        if store.batches.len() as u8 + 1 == seq {
            stream.push(Op::Batch { token, id: last, base: store.last() });
        } else {
            state.owners[owner].lose();
        }
    }

    pub(super) fn acknowledge(&self, state: &mut State, owner: usize) -> bool {
        let Some((request, Phase::Written { len })) = state.owners[owner].pending else { return false };
        if !self.is_safe(state, owner, len) {
            return false;
        }
        state.acknowledged |= 1 << request.id;
        let me = &mut state.owners[owner];
        me.pending = None;
        me.seq = request.expected + 1;
        me.last = request.id;
        true
    }

    /// No answer has come. The bytes may still be on their way.
    pub(super) fn give_up_waiting(&self, state: &mut State, owner: usize) -> bool {
        let Some((request, phase)) = state.owners[owner].pending else { return false };
        if state.left.unknown == 0 || phase == Phase::Unknown {
            return false;
        }
        state.left.unknown -= 1;
        let me = &mut state.owners[owner];
        if phase == Phase::Sent {
            me.ghost = Some(request);
        }
        me.pending = self.rules.repeats_unknown.then_some((request, Phase::Unknown));
        true
    }

    pub(super) fn deliver_ghost(&self, state: &mut State, owner: usize) -> bool {
        let Some(request) = state.owners[owner].ghost.take() else { return false };
        self.write(self.stream(state, owner), request);
        true
    }

    pub(super) fn deliver_checkpoint(&self, state: &mut State, owner: usize) -> bool {
        let Some((token, upto)) = state.owners[owner].checkpoint.take() else { return false };
        let is_fenced = self.rules.checkpoints_are_fenced && Store::of(self.stream(state, owner)).token != token;
        if !is_fenced {
            self.stream(state, owner).push(Op::Checkpoint { upto });
        }
        true
    }

    pub(super) fn deliver_release(&self, state: &mut State, owner: usize) -> bool {
        let Some(token) = state.owners[owner].release.take() else { return false };
        let is_fenced = self.rules.releases_are_fenced && Store::of(self.stream(state, owner)).token != token;
        if !is_fenced {
            let is_behind = state.owners[owner].is_behind;
            self.stream(state, owner).push(Op::Release);
            state.is_leased &= is_behind;
        }
        true
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Written,
    Fenced,
    Conflict,
    Regressed,
}
