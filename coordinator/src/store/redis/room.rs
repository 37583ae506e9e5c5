//! Whether the server has room for new work, and answers at all.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::sleep;

use super::connection::{Lane, Patience};
use super::figures::{self, Operation};
use super::reply;
use crate::store::Usage;
use crate::telemetry::names;

/// How often the server is asked.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Part of the server's memory that new work leaves to the work that runs, in percent.
const RESERVE_PERCENT: u64 = 5;

/// Says whether intake is accepted.
pub(super) struct Room {
    /// A batch was refused since the last look began.
    refused: AtomicBool,
    intake: watch::Sender<bool>,
    /// What the server said last; `None` if it did not answer then.
    last: Mutex<Option<Look>>,
    /// Settings are only watched where the durability asks for them.
    watches_settings: bool,
}

/// What one look finds.
#[derive(Clone, Copy, Debug)]
struct Look {
    want: Option<Want>,
    usage: Usage,
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
    pub(super) fn new(watches_settings: bool) -> Self {
        let usage = Usage { bytes: 0, free_bytes: 0 };
        let last = Mutex::new(Some(Look { want: None, usage }));
        Self { refused: AtomicBool::new(false), intake: watch::Sender::new(true), last, watches_settings }
    }

    /// Whether the server has answered the last look.
    pub(super) fn is_reachable(&self) -> bool {
        self.last.lock().is_some()
    }

    /// What the server held when it was looked at last.
    pub(super) fn usage(&self) -> Option<Usage> {
        self.last.lock().map(|look| look.usage)
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
            let watches_settings = before.watches_settings;
            drop(before);
            let look = look(&lane, watches_settings).await;
            let Some(room) = room.upgrade() else { return };
            *room.last.lock() = look;
            let want = look.map_or(Some(Want::Answer), |look| look.want);
            // What was refused during the look is newer than its answer.
            let refused = room.refused.load(Ordering::Relaxed).then_some(Want::Memory);
            room.decide(want.or(refused));
            drop(room);
            sleep(LOOK_EVERY).await;
        }
    }
}

/// `None` if there is no answer.
async fn look(lane: &Lane, watches_settings: bool) -> Option<Look> {
    let mut command = redis::cmd("INFO");
    command.arg("server").arg("memory").arg("persistence");
    let asked = Instant::now();
    match lane.query(command, Patience::CALL).await {
        Ok(value) => {
            let info = reply::info(&value);
            show_clock(&info, asked.elapsed());
            if watches_settings {
                show_settings(&info);
            }
            Some(Look { want: want(&info), usage: usage(&info) })
        }
        Err(_) => {
            figures::count_failed(Operation::Info, 1);
            None
        }
    }
}

/// How far the server's clock is ahead, give or take half of the time that the question took.
fn show_clock(info: &HashMap<String, String>, took: Duration) {
    let told = info.get("server_time_usec").and_then(|text| text.parse::<f64>().ok());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    if let Some(told) = told {
        names::STORE_CLOCK_AHEAD.gauge([]).set(told / 1e6 - now.saturating_sub(took / 2).as_secs_f64());
    }
}

/// Whether settings that were right at the start still are.
fn show_settings(info: &HashMap<String, String>) {
    for (setting, field, wanted) in [("maxmemory-policy", "maxmemory_policy", "noeviction"), ("appendonly", "aof_enabled", "1")] {
        if let Some(value) = info.get(field) {
            names::STORE_SETTING_UNSAFE.gauge([setting]).set(f64::from(u8::from(value != wanted)));
        }
    }
}

/// Without a `maxmemory` it may grow into all of the machine's.
fn usage(info: &HashMap<String, String>) -> Usage {
    let number = |name: &str| info.get(name).and_then(|text| text.parse::<u64>().ok()).filter(|number| *number > 0);
    let max = number("maxmemory").or_else(|| number("total_system_memory")).unwrap_or(0);
    let bytes = number("used_memory").unwrap_or(0);
    Usage { bytes, free_bytes: (max - max / 100 * RESERVE_PERCENT).saturating_sub(bytes) }
}

fn want(info: &HashMap<String, String>) -> Option<Want> {
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
    fn what_may_still_come_leaves_the_reserve_out() {
        let of = |pairs: &[(&str, &str)]| usage(&pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
        let limited = [("used_memory", "1000"), ("maxmemory", "10000"), ("total_system_memory", "90000")];
        assert_eq!(of(&limited), Usage { bytes: 1_000, free_bytes: 8_500 });
        assert_eq!(of(&[("used_memory", "1000"), ("maxmemory", "0"), ("total_system_memory", "90000")]).free_bytes, 84_500);
        assert_eq!(of(&[("used_memory", "9999"), ("maxmemory", "10000")]).free_bytes, 0);
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
