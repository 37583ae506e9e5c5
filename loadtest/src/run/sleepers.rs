//! Waiting executions: what each costs in memory, and how soon a server full of them answers after a kill.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::sleep;

use super::Plan;
use crate::api::Api;
use crate::report::{Report, Sleepers};
use crate::server_process::{Usage, listener_on};

/// A server that does not answer after this long will not.
const RESTART_PATIENCE: Duration = Duration::from_secs(300);
const POLL_PAUSE: Duration = Duration::from_millis(2);

/// Starts the executions, lets the server come to rest, weighs it, and kills and restarts it if told how.
pub(super) async fn run(plan: &Plan<'_>) -> anyhow::Result<Report> {
    let base = rss(plan.server_pid);
    let before = plan.usages();
    plan.start_executions().await;
    let used = plan.usages().since(&before);
    sleep(Duration::from_secs(plan.args.settle)).await;
    let resting = rss(plan.server_pid);
    let mut sleepers = Sleepers { base_rss_bytes: base, resting_rss_bytes: resting, ..Sleepers::default() };
    let accepted = plan.run.tally.borrow().accepted;
    sleepers.bytes_per_execution = base.zip(resting).map(|(base, resting)| resting.saturating_sub(base) as f64 / accepted.max(1) as f64);

    // The new server is left running: it holds the executions that the user may want to look at.
    let restarted = restart(plan, &mut sleepers).await?;
    plan.look_at_all_as_they_are().await;
    let histories = plan.check_histories().await;
    drop(restarted);
    let mut report = plan.report(used, histories);
    report.sleepers = Some(sleepers);
    Ok(report)
}

fn rss(pid: Option<u32>) -> Option<u64> {
    Some(Usage::of(pid?)?.rss_bytes)
}

/// Kill -9 to the first right answer about one of the sleepers.
async fn restart(plan: &Plan<'_>, sleepers: &mut Sleepers) -> anyhow::Result<Option<Child>> {
    let Some(command) = &plan.args.restart_command else {
        return Ok(None);
    };
    let pid = plan.server_pid.context("the server is not local, or runs as another user: name it with --server-pid")?;
    kill(pid)?;
    let killed = Instant::now();
    while Usage::of(pid).is_some_and(|usage| usage.rss_bytes > 0) {
        sleep(POLL_PAUSE).await;
    }
    let child = Command::new("sh").arg("-c").arg(command).spawn().context("cannot run the restart command")?;
    let mut api = Api::new(&plan.args.endpoint);
    let middle = plan.run.names.arn(plan.started() / 2);
    while !answers_about(&mut api, &middle).await {
        if killed.elapsed() > RESTART_PATIENCE {
            bail!("no answer {} s after the restart", RESTART_PATIENCE.as_secs());
        }
        sleep(POLL_PAUSE).await;
    }
    sleepers.kill_to_answer_ms = Some(killed.elapsed().as_secs_f64() * 1e3);
    sleepers.rss_after_restart_bytes = rss(listener_on(plan.args.endpoint.address.port()));
    Ok(Some(child))
}

fn kill(pid: u32) -> anyhow::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("not a process id")?;
    kill_process(pid, Signal::KILL).context("the server cannot be killed")
}

async fn answers_about(api: &mut Api, arn: &str) -> bool {
    api.describe_execution(arn).await.is_ok_and(|execution| execution.status == "RUNNING")
}
