//! Who may append what to a shard next. The rule is the same whatever the log is made of.

use super::{ShardId, StoreError, Token};

/// The end of a shard's log, as far as it has been queued.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    shard: ShardId,
    owner: Option<Token>,
    epoch: u64,
    last_seq: u64,
    refused: Option<StoreError>,
}

impl Head {
    /// Nobody's yet; `epoch` is the last one given.
    pub(crate) fn new(shard: ShardId, epoch: u64, last_seq: u64) -> Self {
        Self { shard, owner: None, epoch, last_seq, refused: None }
    }

    /// Number of the last batch that was queued.
    pub(crate) fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Gives the shard to a new owner.
    pub(crate) fn acquire(&mut self) -> Token {
        self.epoch += 1;
        let token = Token::fresh(self.epoch);
        self.owner = Some(token);
        self.refused = None;
        token
    }

    /// Whether anybody owns the shard.
    pub(crate) fn is_owned(&self) -> bool {
        self.owner.is_some()
    }

    /// Whether `token` is the owner's.
    pub(crate) fn check_owner(&self, token: Token) -> Result<(), StoreError> {
        if self.owner == Some(token) {
            return Ok(());
        }
        Err(StoreError::Fenced { shard: self.shard })
    }

    /// Takes the shard from its owner.
    pub(crate) fn release(&mut self, token: Token) -> Result<(), StoreError> {
        self.check_owner(token)?;
        self.owner = None;
        Ok(())
    }

    /// Number that a batch after `expected_seq` would get, if it may be queued.
    pub(crate) fn check(&self, token: Token, expected_seq: u64) -> Result<u64, StoreError> {
        self.check_owner(token)?;
        if expected_seq == self.last_seq {
            return Ok(expected_seq + 1);
        }
        match &self.refused {
            Some(reason) if expected_seq > self.last_seq => Err(reason.clone()),
            Some(_) | None => Err(StoreError::SeqConflict { shard: self.shard, expected: expected_seq, last: self.last_seq }),
        }
    }

    /// The batch that was checked last has been queued.
    pub(crate) fn queued(&mut self) {
        self.last_seq += 1;
        self.refused = None;
    }

    /// The last batch that was queued could not be written after all.
    pub(crate) fn unqueue(&mut self, reason: StoreError) {
        self.last_seq -= 1;
        self.refused = Some(reason);
    }

    /// The batch that was checked last could not be queued; those behind it will share its fate.
    pub(crate) fn refuse(&mut self, reason: StoreError) {
        self.refused = Some(reason);
    }

    /// Forgets the owner and everything that was queued after `durable_seq`.
    pub(crate) fn lose_after(&mut self, durable_seq: u64) {
        self.owner = None;
        self.last_seq = durable_seq;
        self.refused = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_behind_a_refused_one_share_its_fate_until_it_comes_again() {
        let mut head = Head::new(ShardId(1), 0, 7);
        let token = head.acquire();
        assert_eq!(head.check(token, 7), Ok(8));
        head.refuse(StoreError::Full);
        assert_eq!(head.check(token, 8), Err(StoreError::Full));
        assert_eq!(head.check(token, 9), Err(StoreError::Full));
        assert_eq!(head.check(token, 7), Ok(8));
        head.queued();
        assert_eq!(head.check(token, 8), Ok(9));
    }

    #[test]
    fn a_batch_out_of_order_conflicts() {
        let mut head = Head::new(ShardId(1), 0, 7);
        let token = head.acquire();
        let conflict = |expected| StoreError::SeqConflict { shard: ShardId(1), expected, last: 7 };
        assert_eq!(head.check(token, 6), Err(conflict(6)));
        assert_eq!(head.check(token, 8), Err(conflict(8)));
    }

    #[test]
    fn only_the_latest_owner_writes() {
        let mut head = Head::new(ShardId(1), 0, 0);
        let (old, new) = (head.acquire(), head.acquire());
        let fenced = StoreError::Fenced { shard: ShardId(1) };
        assert!(old.epoch < new.epoch);
        assert_eq!(head.check(old, 0), Err(fenced.clone()));
        assert_eq!(head.release(old), Err(fenced.clone()));
        assert_eq!(head.release(new), Ok(()));
        assert_eq!(head.check(new, 0), Err(fenced));
    }
}
