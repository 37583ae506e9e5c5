//! A shard's end of the log: the open batch, the batches under way, and what waits for them to be durable.

use std::collections::VecDeque;

use bytes::Bytes;

use super::codec::BatchBuilder;
use super::{Output, World};
use crate::store::StoreError;

/// A batch is closed at this many events, or
const CLOSED_AT_EVENTS: usize = 512;
/// at this size. What one input appends may take it beyond.
const CLOSED_AT_BYTES: usize = 256 * 1024;
/// Appends under way at once.
const IN_FLIGHT_MAX: usize = 3;

/// See the module.
pub(super) struct Log<W: World> {
    /// What is being gathered.
    pub(super) batch: BatchBuilder,
    /// Number of the last closed batch.
    pub(super) closed_seq: u64,
    /// Number of the last durable batch.
    pub(super) durable_seq: u64,
    /// Bytes closed since the log was last checkpointed.
    pub(super) bytes_since_checkpoint: usize,
    in_flight: VecDeque<(u64, Bytes)>,
    /// Answers of the store that are still to come.
    awaited: usize,
    /// The store has refused; the batches in flight wait for another try.
    refused: bool,
    /// In order of the batches that they wait for.
    held: VecDeque<(u64, Output<W>)>,
}

impl<W: World> Log<W> {
    pub(super) fn new(seq: u64) -> Self {
        Self {
            batch: BatchBuilder::default(),
            closed_seq: seq,
            durable_seq: seq,
            bytes_since_checkpoint: 0,
            in_flight: VecDeque::new(),
            awaited: 0,
            refused: false,
            held: VecDeque::new(),
        }
    }

    /// Number of the batch that takes what is appended now.
    pub(super) fn open_seq(&self) -> u64 {
        self.closed_seq + 1
    }

    /// Hands `output` on once everything that was decided so far is durable.
    pub(super) fn hold(&mut self, output: Output<W>, out: &mut Vec<Output<W>>) {
        let seq = if self.batch.is_empty() { self.closed_seq } else { self.open_seq() };
        if seq <= self.durable_seq {
            out.push(output);
        } else {
            self.held.push_back((seq, output));
        }
    }

    /// Whether the open batch has all that a batch takes.
    pub(super) fn is_full(&self) -> bool {
        self.batch.event_count() >= CLOSED_AT_EVENTS || self.batch.len_bytes() >= CLOSED_AT_BYTES
    }

    /// Whether nothing can be appended until the store has answered.
    pub(super) fn is_blocked(&self) -> bool {
        self.is_full() && !self.can_close()
    }

    /// Whether the store refuses writes.
    pub(super) fn is_refused(&self) -> bool {
        self.refused
    }

    /// Whether everything that was decided is durable.
    pub(super) fn is_settled(&self) -> bool {
        self.batch.is_empty() && self.in_flight.is_empty()
    }

    fn can_close(&self) -> bool {
        self.in_flight.len() < IN_FLIGHT_MAX && !self.refused
    }

    /// Sends the open batch on its way when it is full, if there is room.
    pub(super) fn close_if_full(&mut self, out: &mut Vec<Output<W>>) {
        if self.is_full() {
            self.close(out);
        }
    }

    /// Sends the open batch on its way, if there is one and there is room.
    pub(super) fn close(&mut self, out: &mut Vec<Output<W>>) {
        if self.batch.is_empty() || !self.can_close() {
            return;
        }
        let batch = self.batch.take();
        self.bytes_since_checkpoint += batch.len();
        let expected_seq = self.closed_seq;
        self.closed_seq += 1;
        self.in_flight.push_back((self.closed_seq, batch.clone()));
        self.awaited += 1;
        out.push(Output::Append { expected_seq, batch });
    }

    /// The batch is durable: what waited for it is handed on.
    pub(super) fn durable(&mut self, seq: u64, out: &mut Vec<Output<W>>) {
        self.awaited = self.awaited.saturating_sub(1);
        self.durable_seq = self.durable_seq.max(seq);
        while self.in_flight.front().is_some_and(|(number, _)| *number <= seq) {
            self.in_flight.pop_front();
        }
        while let Some((number, _)) = self.held.front() {
            if *number > self.durable_seq {
                break;
            }
            let (_, output) = self.held.pop_front().expect("the front was just looked at");
            out.push(output);
        }
    }

    /// The store has refused the batch for now.
    pub(super) fn refuse(&mut self) {
        self.awaited = self.awaited.saturating_sub(1);
        self.refused = true;
    }

    /// Appends again what was refused, once the store has answered for all of it.
    pub(super) fn retry(&mut self, out: &mut Vec<Output<W>>) {
        if !self.refused || self.awaited > 0 {
            return;
        }
        self.refused = false;
        self.awaited = self.in_flight.len();
        out.extend(self.in_flight.iter().map(|(seq, batch)| Output::Append { expected_seq: seq - 1, batch: batch.clone() }));
    }

    /// Everything that waits, when it will never be durable here.
    pub(super) fn abandon(&mut self) -> impl Iterator<Item = Output<W>> + use<W> {
        self.in_flight.clear();
        self.batch = BatchBuilder::default();
        std::mem::take(&mut self.held).into_iter().map(|(_, output)| output)
    }
}

/// Whether the store may take the same batch later.
pub(super) fn is_passing(error: &StoreError) -> bool {
    error.is_retryable()
}
