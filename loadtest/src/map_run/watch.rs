//! Looks at the Map Run and at the processes until all is over.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::api::{Api, ApiError};
use crate::backoff::Backoff;
use crate::server_process::Usage;

const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A run whose counters do not change for so long is stuck.
const PATIENCE: Duration = Duration::from_secs(120);

/// Whom to weigh, and how much there is to do.
pub(super) struct Watch {
    pub(super) server: Option<u32>,
    pub(super) worker: Option<u32>,
    pub(super) count: u64,
}

/// `itemCounts` or `executionCounts`, without what has been written of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Counts {
    pub(crate) pending: u64,
    pub(crate) running: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) timed_out: u64,
    pub(crate) aborted: u64,
    pub(crate) total: u64,
}

impl Counts {
    fn of(counts: &Value) -> Self {
        let count = |name: &str| counts[name].as_u64().unwrap_or_default();
        Self {
            pending: count("pending"),
            running: count("running"),
            succeeded: count("succeeded"),
            failed: count("failed"),
            timed_out: count("timedOut"),
            aborted: count("aborted"),
            total: count("total"),
        }
    }

    /// Those of which nothing more will come.
    pub(crate) fn ended(&self) -> u64 {
        self.succeeded + self.failed + self.timed_out + self.aborted
    }
}

/// What was seen of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Of the execution.
    pub(crate) status: String,
    /// Its error and cause.
    pub(crate) why: String,
    pub(crate) items: Counts,
    pub(crate) executions: Counts,
    /// From the first item that was seen to have ended to the last, and how many that were.
    pub(crate) between: (Duration, u64),
    /// Until the execution had ended, its results written.
    pub(crate) until_end: Duration,
    /// Resident memory of the server at each look from the first item to the last: seconds, bytes.
    pub(crate) server_rss: Vec<(f64, u64)>,
    /// From the start to the last item.
    pub(crate) server: Option<Usage>,
    pub(crate) worker: Option<Usage>,
}

impl Watch {
    /// Until the execution has ended.
    pub(super) async fn to_the_end(&self, api: &mut Api, execution: &str) -> anyhow::Result<Seen> {
        let begun = Instant::now();
        let before = (self.server.and_then(Usage::of), self.worker.and_then(Usage::of));
        let (mut seen, mut first, mut changed) = (Seen::default(), None, Instant::now());
        loop {
            let look = look(api, execution).await?;
            if look.items != seen.items {
                changed = Instant::now();
            }
            let ended = look.items.ended();
            let was_done = seen.items.ended() >= self.count;
            (seen.status, seen.why, seen.items, seen.executions) = (look.status, look.why, look.items, look.executions);
            if ended > 0 && !was_done {
                let (since, count) = *first.get_or_insert((Instant::now(), ended));
                seen.between = (since.elapsed(), ended - count);
                let rss = self.server.and_then(Usage::of).map(|usage| (since.elapsed().as_secs_f64(), usage.rss_bytes));
                seen.server_rss.extend(rss);
                (seen.server, seen.worker) = (self.used(self.server, before.0), self.used(self.worker, before.1));
            }
            if seen.status != "RUNNING" {
                seen.until_end = begun.elapsed();
                return Ok(seen);
            }
            if changed.elapsed() > PATIENCE {
                bail!("the Map Run stands still at {:?}", seen.items);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn used(&self, pid: Option<u32>, before: Option<Usage>) -> Option<Usage> {
        let (now, before) = (Usage::of(pid?)?, before?);
        Some(Usage { cpu_seconds: now.cpu_seconds - before.cpu_seconds, ..now })
    }
}

/// How the execution and its Map Run stand, as soon as the server answers.
pub(crate) async fn look(api: &mut Api, execution: &str) -> anyhow::Result<Seen> {
    let mut backoff = Backoff::new(PATIENCE);
    loop {
        match look_once(api, execution).await {
            Ok(seen) => return Ok(seen),
            Err(error) if error.is_passing() && backoff.wait().await => {}
            Err(error) => return Err(error).context("the Map Run cannot be looked at"),
        }
    }
}

async fn look_once(api: &mut Api, execution: &str) -> Result<Seen, ApiError> {
    // The execution first: when it has ended, so has its run.
    let described = api.describe_execution(execution).await?;
    let why = [described.error, described.cause].into_iter().flatten().collect::<Vec<_>>().join(": ");
    let run = match api.map_runs(execution).await?.first() {
        Some(arn) => api.describe_map_run(arn).await?,
        None => Value::Null,
    };
    Ok(Seen {
        status: described.status,
        why,
        items: Counts::of(&run["itemCounts"]),
        executions: Counts::of(&run["executionCounts"]),
        ..Seen::default()
    })
}
