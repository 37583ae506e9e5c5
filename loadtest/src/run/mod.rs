//! One run of a scenario: set up, load, look at every execution, read some histories whole, report.

mod lane;
mod pace;
mod sleepers;
mod tally;
mod verify;

use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use tokio::task::JoinSet;

use self::lane::{Lane, Run};
use self::pace::Pace;
pub(crate) use self::tally::Tally;
use crate::api::Api;
use crate::check::Expectation;
use crate::cli::{RunArgs, WorkerPlace};
use crate::http::ExecutionNames;
use crate::probe;
use crate::progress::Progress;
use crate::report::{Measured, Report, Usages};
use crate::scenario::{Finish, Scenario};
use crate::server_process::{Usage, listener_on};
use crate::worker::WorkerHandle;

/// How long the last Express executions may take to end, and how often the server is asked.
const COUNT_PATIENCE: Duration = Duration::from_secs(60);
const COUNT_INTERVAL: Duration = Duration::from_millis(20);
/// Connections that look at executions after the load.
const VERIFYING_LANES: u32 = 64;

/// Runs the scenario that the command line names. Must be called inside a `LocalSet`: lanes share what they count without locks.
pub(crate) async fn run(args: &RunArgs) -> anyhow::Result<Report> {
    let scenario = Scenario::find(&args.scenario)?;
    let mut api = Api::new(&args.endpoint);
    let machine = format!("loadtest-{}", scenario.name);
    let arn = api
        .put_state_machine(&machine, &scenario.definition, scenario.finish.is_express())
        .await
        .with_context(|| format!("cannot make the state machine at {}; is a server running there?", args.endpoint.url()))?;
    let worker = start_worker(args, &scenario)?;
    let plan = Plan::new(args, &scenario, &arn, worker.as_ref());
    if worker.is_some() {
        plan.prove_that_the_worker_serves(&mut api, &arn).await?;
    }
    let mut report = match scenario.finish {
        Finish::Wait | Finish::Later | Finish::Sync | Finish::Counted => plan.load().await?,
        Finish::Sleep => sleepers::run(&plan).await?,
    };
    if scenario.probes {
        report.probes = Some(probe::measure(&args.data_dir, &args.endpoint.url()).await?);
    }
    drop(worker);
    Ok(report)
}

fn start_worker(args: &RunArgs, scenario: &Scenario) -> anyhow::Result<Option<WorkerHandle>> {
    if scenario.functions.is_empty() {
        return Ok(None);
    }
    let url = args.endpoint.url();
    match args.worker {
        WorkerPlace::None => Ok(None),
        WorkerPlace::InProcess => WorkerHandle::in_process(&scenario.functions, &url, args.concurrency).map(Some),
        WorkerPlace::Process => WorkerHandle::in_own_process(&args.scenario, &url, args.concurrency).map(Some),
    }
}

/// What is to be done, settled from the scenario and the command line.
struct Plan<'a> {
    args: &'a RunArgs,
    scenario: &'a Scenario,
    run: Rc<Run>,
    in_flight: u32,
    executions: Option<u64>,
    seconds: Option<u64>,
    server_pid: Option<u32>,
    worker_pid: Option<u32>,
}

impl<'a> Plan<'a> {
    fn new(args: &'a RunArgs, scenario: &'a Scenario, state_machine_arn: &str, worker: Option<&WorkerHandle>) -> Self {
        let names = ExecutionNames::new(&run_id(), state_machine_arn);
        let expectation = Expectation::of(&scenario.expected);
        let address = args.endpoint.address;
        let local = address.ip().is_loopback().then(|| listener_on(address.port())).flatten();
        // Either limit on the command line replaces both of the scenario's.
        let own_limit = args.seconds.is_some() || args.executions.is_some();
        Self {
            args,
            scenario,
            run: Rc::new(Run::new(&args.endpoint, names, state_machine_arn, &scenario.input, expectation, scenario.finish)),
            in_flight: args.in_flight.unwrap_or(scenario.in_flight),
            executions: if own_limit { args.executions } else { scenario.executions },
            seconds: if own_limit { args.seconds } else { scenario.seconds },
            server_pid: args.server_pid.or(local),
            worker_pid: worker.and_then(WorkerHandle::pid),
        }
    }

    /// One execution before the clock starts, so that a worker that is not there is an error and not a figure.
    async fn prove_that_the_worker_serves(&self, api: &mut Api, state_machine_arn: &str) -> anyhow::Result<()> {
        let name = format!("{}-first", run_id());
        let execution = if self.scenario.finish.is_express() {
            api.start_sync_execution(state_machine_arn, &name, &self.scenario.input).await?
        } else {
            let arn = api.start_execution(state_machine_arn, &name, &self.scenario.input).await?;
            api.wait_for_execution(&arn, 15).await?
        };
        if let Err(difference) = self.run.expectation.check(&execution) {
            bail!("the first execution did not end as expected, so the worker does not serve as it should: {difference}");
        }
        Ok(())
    }

    async fn load(&self) -> anyhow::Result<Report> {
        let before = self.usages();
        let ended_before = self.ended_by_metrics().await;
        self.start_executions().await;
        if self.scenario.finish == Finish::Counted {
            self.count_ends(ended_before).await;
        }
        self.last_ones_have_ended().await;
        let used = self.usages().since(&before);
        if self.scenario.finish == Finish::Later {
            self.look_at_all().await;
        }
        let histories = if self.scenario.finish.is_express() { 0 } else { self.check_histories().await };
        Ok(self.report(used, histories))
    }

    /// Starts executions on `in_flight` connections until the run is over.
    async fn start_executions(&self) {
        let pace = Rc::new(Pace::new(self.seconds, self.executions, self.args.rate));
        let progress = Progress::new("starting", {
            let (pace, run) = (Rc::clone(&pace), Rc::clone(&self.run));
            move || (pace.progress(), run.tally.borrow().accepted)
        });
        let mut lanes = JoinSet::new();
        for _ in 0..self.in_flight {
            let lane = Lane::new(&self.run);
            let pace = Rc::clone(&pace);
            if self.scenario.finish == Finish::Sync {
                lanes.spawn_local(lane.run_all(pace));
            } else {
                lanes.spawn_local(lane.start_all(pace, self.scenario.finish == Finish::Wait));
            }
        }
        join_all(lanes).await;
        progress.finish();
    }

    /// Ends of the expected kind so far, by the server's metrics; 0 where they do not matter.
    async fn ended_by_metrics(&self) -> u64 {
        if self.scenario.finish != Finish::Counted {
            return 0;
        }
        let ended = Api::new(&self.args.endpoint).ended(&self.scenario.expected.status).await;
        ended.unwrap_or_else(|error| {
            self.run.tally.borrow_mut().problem(format!("the metrics cannot be read: {error}"));
            0
        })
    }

    /// Waits until as many have ended as were accepted. Whatever is missing then is a problem.
    async fn count_ends(&self, before: u64) {
        let accepted = self.run.tally.borrow().accepted;
        let deadline = tokio::time::Instant::now() + COUNT_PATIENCE;
        let mut ended = 0;
        while ended < accepted && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(COUNT_INTERVAL).await;
            ended = self.ended_by_metrics().await.saturating_sub(before);
        }
        let mut tally = self.run.tally.borrow_mut();
        (tally.ended, tally.as_expected) = (ended, ended);
        tally.last_end = Some(tokio::time::Instant::now());
        if ended != accepted {
            tally.problem(format!("{ended} executions have ended as expected of {accepted} that were accepted"));
        }
    }

    /// The server may still be at work on the last executions that it accepted; its processor time includes them.
    async fn last_ones_have_ended(&self) {
        if self.scenario.finish != Finish::Later {
            return;
        }
        let started = self.started();
        let mut lane = Lane::new(&self.run);
        for number in started.saturating_sub(u64::from(self.in_flight))..started {
            if !self.run.tally.borrow().not_accepted.contains(&number) {
                // What is wrong with it is noted when every execution is looked at.
                drop(lane.end_of(number).await);
            }
        }
    }

    /// Numbers below this one have been handed out.
    fn started(&self) -> u64 {
        let tally = self.run.tally.borrow();
        tally.accepted + tally.not_accepted.len() as u64
    }

    fn usages(&self) -> Usages {
        Usages {
            server: self.server_pid.and_then(Usage::of),
            worker: self.worker_pid.and_then(Usage::of),
            generator: Usage::of(std::process::id()),
        }
    }

    fn report(&self, used: Usages, histories: u64) -> Report {
        Report::new(
            &Measured {
                scenario: self.scenario,
                endpoint: self.args.endpoint.url(),
                rate: self.args.rate,
                in_flight: self.in_flight,
                server_pid: self.server_pid,
                histories,
                used,
            },
            &self.run.tally.borrow(),
        )
    }
}

async fn join_all(mut lanes: JoinSet<()>) {
    while let Some(lane) = lanes.join_next().await {
        lane.expect("a lane neither panics nor is cancelled");
    }
}

/// Different for every run against the same server.
fn run_id() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    format!("r{:x}", now.as_micros())
}
