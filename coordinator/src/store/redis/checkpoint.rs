//! Writing the key-value side.
//!
//! A checkpoint goes in pieces, one behind the other, each fenced and numbered; the last one moves the mark and lets the log go. Whatever interrupts it,
//! the mark never says more than what is there. A piece that the network has kept and delivers late, long after it was sent again, is known by its number.

use futures_util::StreamExt;
use futures_util::stream;
use redis::Cmd;

use super::functions::{Answer, Function};
use super::lane::{Calls, Patience};
use super::names::has_order;
use super::{Inner, placement, reply, token_bytes};
use crate::store::{Checkpoint, KvOp, StoreError, Table};

/// Bytes after which a piece takes no more operations. The server does nothing else while it applies one.
const PIECE_BYTES: usize = 512 << 10;
/// Operations of a piece.
const PIECE_LEN_MAX: usize = 2000;
/// Checkpoints under way at a time.
const CONCURRENT: usize = 8;

impl Inner {
    pub(super) async fn checkpoint_many(&self, checkpoints: Vec<Checkpoint>) -> Vec<Result<(), StoreError>> {
        stream::iter(checkpoints).map(|checkpoint| self.checkpoint(checkpoint)).buffered(CONCURRENT).collect().await
    }

    async fn checkpoint(&self, checkpoint: Checkpoint) -> Result<(), StoreError> {
        let index = self.index(checkpoint.shard)?;
        // Only the sizes: how far the log goes, the server knows best.
        checkpoint.check(u64::MAX)?;
        for op in &checkpoint.ops {
            let (table, key) = place(op);
            let shard = placement::shard_of(table, key, self.settings.shard_count);
            assert_eq!(shard, Some(checkpoint.shard), "a checkpoint writes keys of its own shard, and in {table} this is none");
        }
        let pieces = pieces(&checkpoint.ops);
        let last = pieces.len() - 1;
        // In the order of their numbers, or one would be taken for a late repetition of another.
        let mut piece_number = self.pieces[index].lock().await;
        for (place, ops) in pieces.into_iter().enumerate() {
            *piece_number += 1;
            self.write_piece(index, &checkpoint, *piece_number, ops, place == last).await?;
        }
        Ok(())
    }

    async fn write_piece(&self, index: usize, checkpoint: &Checkpoint, number: u64, ops: &[KvOp], is_last: bool) -> Result<(), StoreError> {
        let Checkpoint { shard, token, upto_seq, .. } = *checkpoint;
        let mut command = self.server.library.call(Function::Checkpoint, &self.shards[index].of_checkpoint());
        command.arg(&token_bytes(token)[..]).arg(upto_seq).arg(number).arg(u8::from(is_last));
        ops.iter().for_each(|op| push(&mut command, op));
        let (slot, mut calls) = (self.shards[index].slot, Calls::default());
        calls.add(slot, command);
        // What is written lets go of what is in memory and in the log: a server that is promoted must have it, too.
        if let Some(wait) = self.replication.command() {
            calls.add(slot, wait);
        }
        let mut answers = self.data.calls(calls, Patience::DATA).await?.into_iter();
        let answer = answers.next().expect("a command has an answer")?;
        match Answer::read(&answer) {
            Some(Answer::Behind(last)) => Err(StoreError::SeqConflict { shard, expected: upto_seq, last }),
            Some(Answer::Done(_)) => answers.next().map_or(Ok(()), |waited| self.confirmed(&waited?)),
            Some(Answer::Fenced) => {
                self.heads.gave_up(index, token);
                Err(StoreError::Fenced { shard })
            }
            Some(Answer::Conflict(_) | Answer::Held(_) | Answer::Gone) | None => Err(reply::unexpected("a checkpoint", &answer)),
        }
    }
}

impl Inner {
    /// Whether the replicas that have to confirm have done so. The next attempt writes nothing twice.
    fn confirmed(&self, waited: &redis::Value) -> Result<(), StoreError> {
        self.replication.lacking(waited).map_or(Ok(()), |lacking| Err(StoreError::Failed(lacking)))
    }
}

fn place(op: &KvOp) -> (Table, &[u8]) {
    match op {
        KvOp::Put { table, key, .. } | KvOp::Delete { table, key } => (*table, key),
    }
}

/// At least one piece; only that may be empty.
fn pieces(ops: &[KvOp]) -> Vec<&[KvOp]> {
    let mut pieces = Vec::new();
    let mut rest = ops;
    while !rest.is_empty() || pieces.is_empty() {
        let mut bytes = 0;
        let fits = |op: &&KvOp| {
            let fits = bytes < PIECE_BYTES;
            bytes += op.len_bytes();
            fits
        };
        let len = rest.iter().take(PIECE_LEN_MAX).take_while(fits).count();
        let (piece, others) = rest.split_at(len);
        pieces.push(piece);
        rest = others;
    }
    pieces
}

fn push(command: &mut Cmd, op: &KvOp) {
    let (table, key) = place(op);
    let kind = match (op, has_order(table)) {
        (KvOp::Put { .. }, true) => "P",
        (KvOp::Put { .. }, false) => "p",
        (KvOp::Delete { .. }, true) => "D",
        (KvOp::Delete { .. }, false) => "d",
    };
    command.arg(kind).arg(table.index()).arg(key);
    if let KvOp::Put { value, .. } = op {
        command.arg(&value[..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_bounded_and_miss_nothing() {
        let put = |len: usize| KvOp::put(Table::Meta, "key", vec![0; len]);
        assert_eq!(pieces(&[]), [&[] as &[KvOp]]);
        let small: Vec<_> = (0..PIECE_LEN_MAX * 2 + 1).map(|_| put(1)).collect();
        assert_eq!(pieces(&small).iter().map(|piece| piece.len()).collect::<Vec<_>>(), [PIECE_LEN_MAX, PIECE_LEN_MAX, 1]);
        let large: Vec<_> = (0..3).map(|_| put(PIECE_BYTES * 2)).collect();
        assert_eq!(pieces(&large).len(), 3);
    }
}
