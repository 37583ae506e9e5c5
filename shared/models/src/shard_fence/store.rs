//! The stream of writes, and what it comes to.

/// What is written, in the order of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    Acquire {
        token: u8,
    },
    /// `base` is the batch that its owner took for the last one; 0 is none.
    Batch {
        token: u8,
        id: u8,
        base: u8,
    },
    Checkpoint {
        upto: u8,
    },
    Release,
}

/// What a stream comes to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    pub(crate) token: u8,
    /// Of each batch: its token, and itself.
    pub(crate) batches: Vec<(u8, u8)>,
    /// The log is readable from here on.
    pub(crate) checkpoint_seq: usize,
    /// The key-value side is as of this batch.
    pub(crate) written_upto: usize,
}

impl Store {
    pub(crate) fn of(stream: &[Op]) -> Self {
        let mut store = Self::default();
        for op in stream {
            match *op {
                Op::Acquire { token } => store.token = token,
                Op::Batch { token, id, .. } => store.batches.push((token, id)),
                Op::Checkpoint { upto } => {
                    store.written_upto = usize::from(upto);
                    store.checkpoint_seq = store.checkpoint_seq.max(usize::from(upto));
                }
                Op::Release => store.token = 0,
            }
        }
        store
    }

    pub(super) fn last(&self) -> u8 {
        self.batches.last().map_or(0, |(_, id)| *id)
    }

    /// What a new owner reads: the key-value side, and the log behind its checkpoint.
    pub(super) fn can_be_read(&self, id: u8) -> bool {
        let place = self.batches.iter().position(|(_, batch)| *batch == id);
        place.is_some_and(|place| place < self.written_upto || place >= self.checkpoint_seq)
    }
}
