//! What this process knows of the shards that it owns: until when, and how far their logs are durable.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::store::{ShardId, StoreError, Token};

/// All shards, by their index.
pub(super) struct Heads {
    shards: Vec<Mutex<Shard>>,
    /// How long after a confirmation was asked for this process may speak for a shard.
    held_for: Duration,
}

#[derive(Default)]
struct Shard {
    owned: Option<Owned>,
    /// The last batch that was ever known here to be durable.
    known_seq: u64,
}

struct Owned {
    token: Token,
    /// When the last confirmation was asked for.
    confirmed_at: Instant,
    /// The last batch that is durable.
    durable_seq: u64,
    refused: Option<Refused>,
}

/// A batch that was not written. Those behind it share its fate.
#[derive(Clone)]
struct Refused {
    seq: u64,
    reason: StoreError,
    /// Its outcome is not known, so that the server might take those behind it: they do not reach it until it comes again.
    unknown: bool,
}

impl Heads {
    pub(super) fn new(shards: usize, held_for: Duration) -> Self {
        let shards = std::iter::repeat_with(Mutex::default).take(shards).collect();
        Self { shards, held_for }
    }

    /// This process owns the shard since `asked_at`. Answers the batch that was durable and is gone, if there is one.
    pub(super) fn acquired(&self, index: usize, token: Token, seq: u64, asked_at: Instant) -> Option<u64> {
        let mut shard = self.shards[index].lock();
        let lost = (shard.known_seq > seq).then_some(shard.known_seq);
        *shard = Shard { owned: Some(Owned { token, confirmed_at: asked_at, durable_seq: seq, refused: None }), known_seq: seq };
        lost
    }

    /// The token is worth nothing any more.
    pub(super) fn gave_up(&self, index: usize, token: Token) {
        let mut shard = self.shards[index].lock();
        if shard.owned.as_ref().is_some_and(|owned| owned.token == token) {
            shard.owned = None;
        }
    }

    /// The server has confirmed what was asked at `asked_at`.
    pub(super) fn confirmed(&self, index: usize, token: Token, asked_at: Instant) {
        self.with_owned(index, token, |owned| owned.confirmed_at = owned.confirmed_at.max(asked_at));
    }

    /// A batch is durable.
    pub(super) fn durable(&self, index: usize, token: Token, seq: u64, asked_at: Instant) {
        let mut shard = self.shards[index].lock();
        let Some(owned) = shard.owned.as_mut().filter(|owned| owned.token == token) else { return };
        owned.confirmed_at = owned.confirmed_at.max(asked_at);
        owned.durable_seq = owned.durable_seq.max(seq);
        owned.refused = None;
        shard.known_seq = shard.known_seq.max(seq);
    }

    /// Whether the lease has not ended by this process's clock.
    pub(super) fn is_held(&self, index: usize, token: Token) -> bool {
        let shard = self.shards[index].lock();
        shard.owned.as_ref().is_some_and(|owned| owned.token == token && owned.confirmed_at.elapsed() < self.held_for)
    }

    /// A batch was refused and is not in the log, or it is not known whether it is.
    pub(super) fn refused(&self, index: usize, token: Token, seq: u64, reason: &StoreError, unknown: bool) {
        self.with_owned(index, token, |owned| {
            // The first one of several is the one that has to come again.
            let is_first = owned.refused.as_ref().is_none_or(|refused| seq <= refused.seq);
            if is_first {
                owned.refused = Some(Refused { seq, reason: reason.clone(), unknown });
            }
        });
    }

    /// Why a batch must not be sent. The batch whose outcome is unknown, when it comes again, opens the way.
    pub(super) fn barred(&self, index: usize, token: Token, seq: u64) -> Option<StoreError> {
        let mut shard = self.shards[index].lock();
        let owned = shard.owned.as_mut().filter(|owned| owned.token == token)?;
        let refused = owned.refused.as_mut().filter(|refused| refused.unknown)?;
        if seq > refused.seq {
            return Some(refused.reason.clone());
        }
        refused.unknown = false;
        None
    }

    /// What it means that the server's last batch is `last`, earlier than the one that batch `expected + 1` follows.
    pub(super) fn behind(&self, index: usize, shard_id: ShardId, token: Token, expected: u64, last: u64) -> StoreError {
        let shard = self.shards[index].lock();
        let owned = shard.owned.as_ref().filter(|owned| owned.token == token);
        match owned {
            Some(owned) if last < owned.durable_seq => StoreError::Regressed { shard: shard_id, expected: owned.durable_seq, last },
            Some(Owned { refused: Some(refused), .. }) if expected >= refused.seq => refused.reason.clone(),
            Some(_) | None => StoreError::SeqConflict { shard: shard_id, expected, last },
        }
    }

    fn with_owned(&self, index: usize, token: Token, act: impl FnOnce(&mut Owned)) {
        let mut shard = self.shards[index].lock();
        if let Some(owned) = shard.owned.as_mut().filter(|owned| owned.token == token) {
            act(owned);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARD: ShardId = ShardId(0);

    fn owned(seq: u64) -> (Heads, Token) {
        let heads = Heads::new(1, Duration::from_millis(40));
        let token = Token::fresh(1);
        assert_eq!(heads.acquired(0, token, seq, Instant::now()), None);
        (heads, token)
    }

    #[test]
    fn a_lease_ends_by_itself_and_is_counted_from_before_it_was_asked_for() {
        let (heads, token) = owned(0);
        assert!(heads.is_held(0, token));
        assert!(!heads.is_held(0, Token::fresh(1)));
        std::thread::sleep(Duration::from_millis(45));
        assert!(!heads.is_held(0, token));
        heads.confirmed(0, token, Instant::now() - Duration::from_millis(41));
        assert!(!heads.is_held(0, token));
        heads.confirmed(0, token, Instant::now());
        assert!(heads.is_held(0, token));
        heads.gave_up(0, token);
        assert!(!heads.is_held(0, token));
    }

    #[test]
    fn behind_a_batch_of_unknown_outcome_nothing_goes_out_until_it_comes_again() {
        let (heads, token) = owned(7);
        let reason = StoreError::Failed("no answer".to_owned());
        heads.refused(0, token, 8, &reason, true);
        heads.refused(0, token, 9, &reason, true);
        assert_eq!(heads.barred(0, token, 10), Some(reason.clone()));
        assert_eq!(heads.barred(0, token, 9), Some(reason));
        assert_eq!(heads.barred(0, token, 8), None);
        assert_eq!(heads.barred(0, token, 9), None);
    }

    #[test]
    fn a_server_that_is_behind_has_refused_a_batch_or_lost_one() {
        let (heads, token) = owned(7);
        assert_eq!(heads.behind(0, SHARD, token, 9, 7), StoreError::SeqConflict { shard: SHARD, expected: 9, last: 7 });
        heads.refused(0, token, 8, &StoreError::Full, false);
        assert_eq!(heads.behind(0, SHARD, token, 8, 7), StoreError::Full);
        heads.durable(0, token, 8, Instant::now());
        assert_eq!(heads.behind(0, SHARD, token, 8, 6), StoreError::Regressed { shard: SHARD, expected: 8, last: 6 });
    }

    #[test]
    fn what_was_durable_and_is_gone_is_noticed_by_the_next_owner() {
        let (heads, token) = owned(7);
        heads.durable(0, token, 9, Instant::now());
        heads.gave_up(0, token);
        assert_eq!(heads.acquired(0, Token::fresh(2), 9, Instant::now()), None);
        assert_eq!(heads.acquired(0, Token::fresh(3), 4, Instant::now()), Some(9));
    }
}
