//! Taking shards, keeping them, giving them up.

use std::time::Instant;

use redis::Value;

use super::functions::{Answer, Function};
use super::lane::{Calls, Patience};
use super::pipeline::tell_of_loss;
use super::{Inner, reply, token_bytes};
use crate::store::{Acquired, ShardId, StoreError, Token};

/// How often a shard is taken again whose replicas do not confirm in time.
const ATTEMPTS: usize = 4;

impl Inner {
    pub(super) async fn acquire(&self, shard: ShardId) -> Result<Acquired, StoreError> {
        let index = self.index(shard)?;
        let mut lacking = String::new();
        for _ in 0..ATTEMPTS {
            match self.try_acquire(shard, index).await? {
                Ok(acquired) => return Ok(acquired),
                Err(why) => lacking = why,
            }
        }
        Err(StoreError::Failed(lacking))
    }

    /// Takes the shard, or says what its replicas lack: then it is taken, but not for good.
    async fn try_acquire(&self, shard: ShardId, index: usize) -> Result<Result<Acquired, String>, StoreError> {
        let incarnation = Token::fresh(0).incarnation;
        let mut command = self.server.library.call(Function::Acquire, &[self.shards[index].record.as_str()]);
        command.arg(self.holder).arg(&incarnation.to_be_bytes()[..]).arg(self.lease_ms()).arg(self.settings.store_id.to_string());
        let (slot, mut calls) = (self.shards[index].slot, Calls::default());
        calls.add(slot, command);
        // Else a replica that is promoted could know of the owner before, but not of this one.
        if let Some(wait) = self.replication.command() {
            calls.add(slot, wait);
        }

        let asked_at = Instant::now();
        let mut answers = self.control.calls(calls, Patience::CALL).await?.into_iter();
        let answer = answers.next().expect("a command has an answer")?;
        let acquired = match Answer::read(&answer) {
            Some(Answer::Done(numbers)) => match *numbers {
                [epoch, seq, checkpoint_seq] => Acquired { token: Token { epoch, incarnation }, seq, checkpoint_seq },
                _ => return Err(reply::unexpected("taking a shard", &answer)),
            },
            Some(Answer::Held(for_ms)) => return Err(StoreError::Held { shard, for_ms }),
            Some(Answer::Gone) => return Err(StoreError::Failed(format!("the store {} is not there any more", self.settings.store_id))),
            Some(Answer::Fenced | Answer::Behind(_) | Answer::Conflict(_)) | None => {
                return Err(reply::unexpected("taking a shard", &answer));
            }
        };
        if let Some(waited) = answers.next()
            && let Some(lacking) = self.replication.lacking(&waited?)
        {
            return Ok(Err(lacking));
        }
        if let Some(known) = self.heads.acquired(index, acquired.token, acquired.seq, asked_at) {
            tell_of_loss(shard, known, acquired.seq);
        }
        Ok(Ok(acquired))
    }

    pub(super) async fn renew(&self, held: Vec<(ShardId, Token)>) -> Vec<Result<(), StoreError>> {
        let indexes: Vec<_> = held.iter().map(|(shard, _)| self.index(*shard)).collect();
        let mut calls = Calls::default();
        for (index, (_, token)) in indexes.iter().zip(&held) {
            let Ok(index) = index else { continue };
            let mut command = self.server.library.call(Function::Renew, &[self.shards[*index].record.as_str()]);
            command.arg(&token_bytes(*token)[..]).arg(self.lease_ms());
            calls.add(self.shards[*index].slot, command);
        }
        if calls.is_empty() {
            return indexes.into_iter().map(|index| index.map(|_| ())).collect();
        }
        let asked_at = Instant::now();
        let mut answers = match self.control.calls(calls, Patience::BEAT).await {
            Ok(answers) => answers.into_iter(),
            Err(error) => return indexes.into_iter().map(|index| index.and(Err(error.clone()))).collect(),
        };
        let renewed = |(index, (shard, token)): (Result<usize, StoreError>, &(ShardId, Token))| {
            let index = index?;
            let answer = answers.next().expect("each command has an answer")?;
            self.confirm(index, *shard, *token, asked_at, &answer)
        };
        indexes.into_iter().zip(&held).map(renewed).collect()
    }

    pub(super) async fn release(&self, shard: ShardId, token: Token) -> Result<(), StoreError> {
        let index = self.index(shard)?;
        let mut command = self.server.library.call(Function::Release, &[self.shards[index].record.as_str()]);
        command.arg(&token_bytes(token)[..]);
        // From here on nothing is said for the shard, whatever becomes of the call: what it leaves undone, the end of the lease does.
        self.heads.gave_up(index, token);
        let answer = self.control.query(self.shards[index].slot, command, Patience::CALL).await?;
        match Answer::read(&answer) {
            Some(Answer::Done(_)) => Ok(()),
            Some(Answer::Fenced) => Err(StoreError::Fenced { shard }),
            Some(Answer::Behind(_) | Answer::Conflict(_) | Answer::Held(_) | Answer::Gone) | None => {
                Err(reply::unexpected("giving a shard up", &answer))
            }
        }
    }

    /// What the answer to a fenced call that was sent at `asked_at` says about the shard.
    pub(super) fn confirm(&self, index: usize, shard: ShardId, token: Token, asked_at: Instant, answer: &Value) -> Result<(), StoreError> {
        match Answer::read(answer) {
            Some(Answer::Done(_)) => {
                self.heads.confirmed(index, token, asked_at);
                Ok(())
            }
            Some(Answer::Fenced) => {
                self.heads.gave_up(index, token);
                Err(StoreError::Fenced { shard })
            }
            Some(Answer::Behind(_) | Answer::Conflict(_) | Answer::Held(_) | Answer::Gone) | None => {
                Err(reply::unexpected("a fenced call", answer))
            }
        }
    }
}
