//! Whether the server has room for new work, and answers at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::connection::{Lane, Patience};
use super::reply;

/// How often the server is asked.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Part of the server's memory that new work leaves to the work that runs, in percent.
const RESERVE_PERCENT: u64 = 5;

/// Says whether intake is accepted.
pub(super) struct Room {
    /// A batch was refused since the last look began.
    refused: AtomicBool,
    intake: watch::Sender<bool>,
}

/// Why no new work is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    Memory,
    Disk,
    Answer,
}

impl Want {
    fn text(self) -> &'static str {
        match self {
            Want::Memory => "the Redis server has no memory left (maxmemory)",
            Want::Disk => "the Redis server cannot write to its disk",
            Want::Answer => "the Redis server does not answer",
        }
    }
}

impl Room {
    pub(super) fn new() -> Self {
        Self { refused: AtomicBool::new(false), intake: watch::Sender::new(true) }
    }

    pub(super) fn accepts_intake(&self) -> bool {
        *self.intake.borrow()
    }

    pub(super) fn intake(&self) -> watch::Receiver<bool> {
        self.intake.subscribe()
    }

    /// The server has refused a batch for want of room.
    pub(super) fn refused(&self) {
        self.refused.store(true, Ordering::Relaxed);
        self.decide(Some(Want::Memory));
    }

    fn decide(&self, want: Option<Want>) {
        let accepts = want.is_none();
        let changed = self.intake.send_if_modified(|now| std::mem::replace(now, accepts) != accepts);
        match want {
            Some(want) if changed => tracing::error!("{}: new work is refused until this ends, running work is kept", want.text()),
            None if changed => tracing::info!("the Redis server takes new work again"),
            Some(_) | None => {}
        }
    }

    /// Looks again and again, for as long as somebody has the store.
    pub(super) async fn watch(room: Arc<Room>, lane: Arc<Lane>) {
        let room = Arc::downgrade(&room);
        loop {
            let Some(before) = room.upgrade() else { return };
            before.refused.store(false, Ordering::Relaxed);
            drop(before);
            let want = look(&lane).await;
            let Some(room) = room.upgrade() else { return };
            // What was refused during the look is newer than its answer.
            let refused = room.refused.load(Ordering::Relaxed).then_some(Want::Memory);
            room.decide(want.or(refused));
            drop(room);
            sleep(LOOK_EVERY).await;
        }
    }
}

async fn look(lane: &Lane) -> Option<Want> {
    let mut command = redis::cmd("INFO");
    command.arg("memory").arg("persistence");
    match lane.query(command, Patience::CALL).await {
        Ok(value) => want(&reply::info(&value)),
        Err(_) => Some(Want::Answer),
    }
}

fn want(info: &std::collections::HashMap<String, String>) -> Option<Want> {
    let number = |name: &str| info.get(name).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let (used, max) = (number("used_memory"), number("maxmemory"));
    let for_new_work = max - max / 100 * RESERVE_PERCENT;
    if max > 0 && used > for_new_work {
        return Some(Want::Memory);
    }
    let failed = info.get("aof_last_write_status").is_some_and(|status| status != "ok");
    failed.then_some(Want::Disk)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(used: u64, max: u64, aof: &str) -> Option<Want> {
        let pairs = [("used_memory", used.to_string()), ("maxmemory", max.to_string()), ("aof_last_write_status", aof.to_owned())];
        want(&pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    #[test]
    fn new_work_leaves_a_reserve() {
        assert_eq!(wanted(1 << 40, 0, "ok"), None);
        assert_eq!(wanted(9_500, 10_000, "ok"), None);
        assert_eq!(wanted(9_501, 10_000, "ok"), Some(Want::Memory));
        assert_eq!(wanted(1, 1, "ok"), None);
        assert_eq!(wanted(2, 1, "ok"), Some(Want::Memory));
        assert_eq!(wanted(1, 10_000, "err"), Some(Want::Disk));
    }
}
