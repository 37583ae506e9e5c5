//! What bulk gets of a host's time.
//!
//! Handling it is a small part of what it costs: it also fills the log, the sockets and the workers, on the same processors. So while others
//! have work at the host, bulk is handled for a quarter of a millisecond and then rests for a whole one, and the machine has room for them.

use std::time::{Duration, Instant};

/// Messages of bulk in one round, as long as nobody else is here.
const ALONE_MAX: usize = 512;
/// So many of them are handled although something else has come: whoever comes now and then does not stop everything.
const ALONE_MIN: usize = 64;
/// The same while others are here. What they get comes through sockets, which are read between rounds.
const BESIDE_MAX: usize = 16;
const BESIDE_MIN: usize = 4;
/// Others are here for this long after their last message.
const HERE_FOR: Duration = Duration::from_millis(20);
/// After so much time in rounds with bulk
const WORK: Duration = Duration::from_micros(250);
/// bulk rests this long. Timers are no finer.
const REST: Duration = Duration::from_millis(1);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Share {
    others_until: Option<Instant>,
    /// Messages of bulk in this round,
    handled: usize,
    /// the first of them at this time.
    began: Option<Instant>,
    /// Time in rounds with bulk since the last rest.
    worked: Duration,
    rests_until: Option<Instant>,
}

impl Share {
    /// Somebody else has work here.
    pub(super) fn others_are_here(&mut self, now: Instant) {
        self.others_until = Some(now + HERE_FOR);
    }

    /// Whether one more message of bulk may be handled in this round.
    pub(super) fn allows(&self, others_wait: bool) -> bool {
        let (min, max) = if self.others_until.is_some() { (BESIDE_MIN, BESIDE_MAX) } else { (ALONE_MIN, ALONE_MAX) };
        self.rests_until.is_none() && self.handled < if others_wait { min } else { max }
    }

    /// It is about to be.
    pub(super) fn take(&mut self) {
        self.handled += 1;
        if self.others_until.is_some() {
            self.began.get_or_insert_with(Instant::now);
        }
    }

    /// Until when bulk rests, if it does.
    pub(super) fn rests_until(&self) -> Option<Instant> {
        self.rests_until
    }

    /// Looks whether it has rested enough.
    pub(super) fn look(&mut self, now: Instant) {
        self.rests_until.take_if(|until| *until <= now);
    }

    /// The round is through.
    pub(super) fn end_round(&mut self, now: Instant) {
        self.handled = 0;
        self.others_until.take_if(|until| *until <= now);
        let Some(began) = self.began.take() else { return };
        self.worked += now.saturating_duration_since(began);
        if self.worked >= WORK {
            self.worked = Duration::ZERO;
            self.rests_until = Some(now + REST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages of a round.
    fn round(share: &mut Share, others_wait: bool) -> usize {
        let mut count = 0;
        while share.allows(others_wait) {
            share.take();
            count += 1;
        }
        count
    }

    #[test]
    fn alone_it_never_rests() {
        let mut share = Share::default();
        for _ in 0..10 {
            assert_eq!(round(&mut share, false), ALONE_MAX);
            share.end_round(Instant::now() + WORK);
            assert_eq!(share.rests_until(), None);
            assert_eq!(round(&mut share, true), ALONE_MIN);
            share.end_round(Instant::now() + WORK);
        }
    }

    #[test]
    fn beside_others_it_rests_after_its_time_and_goes_on() {
        let mut share = Share::default();
        share.others_are_here(Instant::now());
        assert_eq!((round(&mut share, true), round(&mut share, false)), (BESIDE_MIN, BESIDE_MAX - BESIDE_MIN));
        let end = Instant::now() + WORK;
        share.end_round(end);
        assert_eq!(share.rests_until(), Some(end + REST));
        assert_eq!(round(&mut share, false), 0);
        share.end_round(end);
        share.look(end + REST - Duration::from_nanos(1));
        assert_eq!(round(&mut share, false), 0);
        share.look(end + REST);
        assert_eq!(round(&mut share, false), BESIDE_MAX);
    }

    #[test]
    fn when_the_others_have_gone_it_has_everything() {
        let mut share = Share::default();
        let now = Instant::now();
        share.others_are_here(now);
        share.end_round(now + HERE_FOR);
        assert_eq!(round(&mut share, false), ALONE_MAX);
        share.end_round(now + HERE_FOR + WORK);
        assert_eq!(share.rests_until(), None);
    }
}
