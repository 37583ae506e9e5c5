//! Whether the server has room for new work, and answers at all.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::sleep;

use super::figures::{self, Operation};
use super::lane::{Lane, Patience};
use super::options::Durability;
use super::reply;
use super::server::Server;
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
    want: Mutex<Option<Want>>,
    /// Whether there is none, for those who wait.
    intake: watch::Sender<bool>,
    /// What the server said last; `None` if it did not answer then.
    last: Mutex<Option<Look>>,
    durability: Durability,
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
    Replicas,
    Answer,
    Store,
}

impl Want {
    /// For whoever brings new work, too.
    fn text(self) -> &'static str {
        match self {
            Want::Memory => "The server cannot take new work now: the Redis server has no memory left (maxmemory).",
            Want::Disk => "The server cannot take new work now: the Redis server cannot write to its disk.",
            Want::Replicas => "The server cannot take new work now: the Redis server has fewer replicas than have to confirm each batch.",
            Want::Answer => "The server cannot take new work now: the Redis server, or one of several, does not answer.",
            Want::Store => {
                "The server cannot take new work now: the Redis server, or one of several, has lost its data. Restore a backup of it."
            }
        }
    }
}

impl Room {
    pub(super) fn new(durability: Durability) -> Self {
        let usage = Usage { bytes: 0, free_bytes: 0 };
        let last = Mutex::new(Some(Look { want: None, usage }));
        Self { refused: AtomicBool::new(false), intake: watch::Sender::new(true), want: Mutex::new(None), last, durability }
    }

    /// Whether the server has answered the last look, and could confirm a batch then.
    pub(super) fn is_reachable(&self) -> bool {
        self.last.lock().is_some_and(|look| !matches!(look.want, Some(Want::Replicas | Want::Store)))
    }

    /// What the server held when it was looked at last.
    pub(super) fn usage(&self) -> Option<Usage> {
        self.last.lock().map(|look| look.usage)
    }

    pub(super) fn accepts_intake(&self) -> bool {
        self.want.lock().is_none()
    }

    /// Why intake is not accepted.
    pub(super) fn refusal(&self) -> Option<&'static str> {
        self.want.lock().map(Want::text)
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
        // Held until it is said: of two who decide at once, whoever is the later one has the last word in both.
        let mut wanted = self.want.lock();
        *wanted = want;
        let changed = self.intake.send_if_modified(|now| std::mem::replace(now, accepts) != accepts);
        match want {
            Some(want) if changed => tracing::error!("{} Running work is kept.", want.text()),
            None if changed => tracing::info!("the Redis server takes new work again"),
            Some(_) | None => {}
        }
    }

    /// Looks again and again, for as long as somebody has the store.
    pub(super) async fn watch(room: Arc<Room>, lane: Arc<Lane>, server: Arc<Server>) {
        let room = Arc::downgrade(&room);
        loop {
            let Some(before) = room.upgrade() else { return };
            before.refused.store(false, Ordering::Relaxed);
            let durability = before.durability;
            drop(before);
            let look = look(&lane, &server, durability).await;
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

/// What a server says of itself, by name.
type Info = HashMap<String, String>;

/// `None` if there is no answer.
async fn look(lane: &Lane, server: &Server, durability: Durability) -> Option<Look> {
    let signs = lane.calls(server.signs(), Patience::CALL).await;
    let is_gone = signs.is_ok_and(|signs| signs.iter().flatten().any(|sign| server.is_gone(sign)));
    let mut command = redis::cmd("INFO");
    command.arg("server").arg("memory").arg("persistence").arg("replication");
    let asked = Instant::now();
    match lane.everywhere(&command, Patience::CALL).await {
        Ok(values) => {
            let infos: Vec<_> = values.iter().map(reply::info).collect();
            show_clock(&infos, asked.elapsed());
            // Settings are only watched where the durability asks for them.
            if durability != Durability::Managed {
                show_settings(&infos);
            }
            let want = if is_gone { Some(Want::Store) } else { infos.iter().find_map(|info| want(info, durability)) };
            Some(Look { want, usage: usage_of_all(&infos) })
        }
        Err(_) => {
            figures::count_failed(Operation::Info, 1);
            None
        }
    }
}

/// How far the server's clock is ahead, give or take half of the time that the question took; of several the one that is the furthest off.
fn show_clock(infos: &[Info], took: Duration) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let middle = now.saturating_sub(took / 2).as_secs_f64();
    let told = infos.iter().filter_map(|info| info.get("server_time_usec")?.parse::<f64>().ok());
    if let Some(worst) = told.map(|told| told / 1e6 - middle).max_by(|one, other| one.abs().total_cmp(&other.abs())) {
        names::STORE_CLOCK_AHEAD.gauge([]).set(worst);
    }
}

/// Whether settings that were right at the start still are, at all servers.
fn show_settings(infos: &[Info]) {
    for (setting, field, wanted) in [("maxmemory-policy", "maxmemory_policy", "noeviction"), ("appendonly", "aof_enabled", "1")] {
        let mut values = infos.iter().filter_map(|info| info.get(field)).peekable();
        if values.peek().is_some() {
            names::STORE_SETTING_UNSAFE.gauge([setting]).set(f64::from(u8::from(values.any(|value| value != wanted))));
        }
    }
}

/// Work is spread evenly, so that the server with the least room says when there is none.
fn usage_of_all(infos: &[Info]) -> Usage {
    let each = || infos.iter().map(usage);
    let least = each().map(|usage| usage.free_bytes).min().unwrap_or(0);
    Usage { bytes: each().map(|usage| usage.bytes).sum(), free_bytes: least.saturating_mul(infos.len() as u64) }
}

/// Without a `maxmemory` it may grow into all of the machine's.
fn usage(info: &Info) -> Usage {
    let number = |name: &str| info.get(name).and_then(|text| text.parse::<u64>().ok()).filter(|number| *number > 0);
    let max = number("maxmemory").or_else(|| number("total_system_memory")).unwrap_or(0);
    let bytes = number("used_memory").unwrap_or(0);
    Usage { bytes, free_bytes: (max - max / 100 * RESERVE_PERCENT).saturating_sub(bytes) }
}

fn want(info: &Info, durability: Durability) -> Option<Want> {
    let number = |name: &str| info.get(name).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let (used, max) = (number("used_memory"), number("maxmemory"));
    let for_new_work = max - max / 100 * RESERVE_PERCENT;
    if max > 0 && used > for_new_work {
        return Some(Want::Memory);
    }
    if info.get("aof_last_write_status").is_some_and(|status| status != "ok") {
        return Some(Want::Disk);
    }
    match durability {
        Durability::Replicated { replicas } if number("connected_slaves") < u64::from(replicas) => Some(Want::Replicas),
        Durability::Replicated { .. } | Durability::Fsync | Durability::Relaxed | Durability::Managed => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(used: u64, max: u64, aof: &str) -> Option<Want> {
        let pairs = [("used_memory", used.to_string()), ("maxmemory", max.to_string()), ("aof_last_write_status", aof.to_owned())];
        want(&pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(), Durability::Fsync)
    }

    #[test]
    fn what_replicas_have_to_confirm_needs_them() {
        let wanted = |found: &str, durability| want(&Info::from([("connected_slaves".to_owned(), found.to_owned())]), durability);
        let replicated = Durability::Replicated { replicas: 2 };
        assert_eq!((wanted("2", replicated), wanted("1", replicated)), (None, Some(Want::Replicas)));
        assert_eq!(wanted("0", Durability::Fsync), None);
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
