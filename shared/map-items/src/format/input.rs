//! Bytes of a source that wait to be read, and where in the source they are.

/// What has come of a source and is not used yet.
#[derive(Debug, Default)]
pub(crate) struct Input {
    buffer: Vec<u8>,
    /// Bytes of the buffer that are used.
    used: usize,
    /// Where in the source the buffer begins.
    base: u64,
    finished: bool,
}

/// What programs of another system may put before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Input {
    /// Reading from a place in the source.
    pub(crate) fn starting_at(position: u64) -> Self {
        Self { base: position, ..Self::default() }
    }

    /// Takes more bytes of the source.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.used == self.buffer.len() {
            self.base += self.used as u64;
            self.used = 0;
            self.buffer.clear();
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Says that the source has no more.
    pub(crate) fn finish(&mut self) {
        self.finished = true;
    }

    /// Whether the source has no more than what is here.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// What is not used yet.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.buffer[self.used..]
    }

    /// Marks bytes as used.
    pub(crate) fn advance(&mut self, count: usize) {
        self.used += count;
        debug_assert!(self.used <= self.buffer.len(), "more was used than there is");
    }

    /// Where in the source the unused bytes begin.
    pub(crate) fn position(&self) -> u64 {
        self.base + self.used as u64
    }

    /// Steps over a byte order mark at the source's beginning. `false`: it cannot be told yet.
    pub(crate) fn skip_byte_order_mark(&mut self) -> bool {
        if self.position() != 0 {
            return true;
        }
        if self.rest().starts_with(BYTE_ORDER_MARK) {
            self.advance(BYTE_ORDER_MARK.len());
            return true;
        }
        self.finished || self.rest().len() >= BYTE_ORDER_MARK.len() || !BYTE_ORDER_MARK.starts_with(self.rest())
    }
}
