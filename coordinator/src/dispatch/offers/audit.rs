//! Which offers must have been lost by the broker.
//!
//! A queue in which nobody finds anything, while an offer in it is unclaimed for long, does not have the offer; neither has one in which
//! offers that came much later have been claimed. What does not exist has nothing.

/// An offer that is unclaimed for longer is looked at, milliseconds.
const UNCLAIMED_MS: u64 = 60_000;
/// What has been confirmed so recently may be there although the answer says otherwise, milliseconds.
const FRESH_MS: u64 = 1_000;
/// How often in a row the queue has to be found empty.
const EMPTY_MIN: u32 = 2;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Audit {
    /// How often in a row nothing was ready.
    empty: u32,
    is_missing: bool,
    /// When the newest offer was made that has been claimed.
    newest_claimed: u64,
}

impl Audit {
    /// What the broker says is ready; `None` if the queue is not there.
    pub(super) fn note(&mut self, ready: Option<u64>) {
        self.is_missing = ready.is_none();
        self.empty = if ready.is_some_and(|ready| ready > 0) { 0 } else { self.empty + 1 };
    }

    /// An offer that was made then has been claimed.
    pub(super) fn claimed(&mut self, at: u64) {
        self.newest_claimed = self.newest_claimed.max(at);
    }

    /// Whether an offer that was made then is gone.
    pub(super) fn is_lost(&self, at: u64, now_ms: u64) -> bool {
        let is_older_than = |ms: u64, than: u64| at.saturating_add(ms) <= than;
        (self.is_missing && is_older_than(FRESH_MS, now_ms))
            || (self.empty >= EMPTY_MIN && is_older_than(UNCLAIMED_MS, now_ms))
            || is_older_than(UNCLAIMED_MS, self.newest_claimed)
    }
}
