//! Functions that speak the AWS Lambda Runtime API: unmodified Python and Node handlers, and custom runtimes.
//!
//! Each concurrent slot of a function is a process of its own, started when first needed, kept warm, replaced when it crashes, times out or its
//! code changes. A process is owned by one invocation at a time; dropping the invocation's future drops the process, which ends it.

mod api;
mod environment;
pub(crate) mod interpreter;
mod node;
mod process;
mod provided;
mod python;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::payload;
use crate::functions::{Function, Runtime};
use crate::invocation::{Completion, FunctionError, Invocation};
use crate::logs::InvocationLog;
use process::{Ended, RuntimeProcess};

/// A process that has been idle for so long is ended, as Lambda does with an idle environment.
const IDLE_MAX: Duration = Duration::from_secs(600);

/// One function and its processes.
pub(crate) struct LambdaRuntime {
    function: Arc<Function>,
    slots: Semaphore,
    /// The most recently used process is the last.
    idle: Mutex<Vec<Idle>>,
    /// Goes up with each change of code; a process of an older generation serves no further invocation.
    generation: AtomicU64,
}

struct Idle {
    process: Box<RuntimeProcess>,
    since: Instant,
}

/// How a runtime's process is started.
struct Launch {
    program: std::path::PathBuf,
    arguments: Vec<String>,
    /// Program text given on standard input.
    script: Option<&'static str>,
    code: std::path::PathBuf,
    handler: String,
    execution_environment: String,
}

impl LambdaRuntime {
    pub(super) fn new(function: Arc<Function>) -> Arc<Self> {
        let slots = Semaphore::new(function.concurrency as usize);
        Arc::new(Self { function, slots, idle: Mutex::default(), generation: AtomicU64::new(0) })
    }

    pub(super) async fn invoke(self: Arc<Self>, invocation: Invocation) -> Completion {
        let _slot = self.slots.acquire().await.expect("the slots are never closed");
        let mut log = invocation.open_log(&self.function.name);
        let started = Instant::now();
        log.platform_line(&format!("START RequestId: {} Version: $LATEST", invocation.request_id()));
        let result = self.run(&invocation, &mut log).await;
        self.report(&invocation, &mut log, started.elapsed());
        Completion { result, log_tail: log.into_tail() }
    }

    async fn run(&self, invocation: &Invocation, log: &mut InvocationLog) -> Result<Bytes, FunctionError> {
        // A warm process may turn out to have died meanwhile. It has not seen the invocation then, so the next one may have it. Each turn uses up an
        // idle process, so the loop ends.
        while let Some(process) = self.take_idle() {
            match process.invoke(&self.function, invocation, log).await {
                Ended::BeforeHandler(_) => {}
                Ended::Answered { result, process } => return self.settle(result, process),
            }
        }
        let generation = self.generation.load(Ordering::Acquire);
        let launch = self.launch().await.map_err(|reason| payload::cannot_start(invocation.request_id(), &reason))?;
        let process = RuntimeProcess::start(&self.function, &launch, generation).await;
        let process =
            process.map_err(|error| payload::cannot_start(invocation.request_id(), &format!("{}: {error}", launch.program.display())))?;
        match process.invoke(&self.function, invocation, log).await {
            Ended::BeforeHandler(error) => Err(error),
            Ended::Answered { result, process } => self.settle(result, process),
        }
    }

    fn take_idle(&self) -> Option<Box<RuntimeProcess>> {
        self.idle.lock().pop().map(|idle| idle.process)
    }

    fn settle(&self, result: Result<Bytes, FunctionError>, process: Option<Box<RuntimeProcess>>) -> Result<Bytes, FunctionError> {
        if let Some(process) = process {
            let mut idle = self.idle.lock();
            // Compared under the lock, so that a reload cannot fall between the comparison and the push.
            if process.generation() == self.generation.load(Ordering::Acquire) {
                idle.push(Idle { process, since: Instant::now() });
            }
        }
        result
    }

    async fn launch(&self) -> Result<Launch, String> {
        match &self.function.runtime {
            Runtime::Python { version, handler, code } => python::launch(&self.function.name, version, handler, code).await,
            Runtime::Node { version, handler, code } => node::launch(&self.function.name, version, handler, code).await,
            Runtime::Provided { identifier, handler, code } => provided::launch(identifier, handler, code),
            Runtime::Command { .. } | Runtime::Http { .. } | Runtime::Unsupported { .. } => {
                unreachable!("other runtimes have handlers of their own")
            }
        }
    }

    pub(super) fn reload(&self) {
        let idle = {
            let mut idle = self.idle.lock();
            self.generation.fetch_add(1, Ordering::AcqRel);
            std::mem::take(&mut *idle)
        };
        drop(idle);
    }

    pub(super) fn sweep(&self) {
        let stale: Vec<_> = {
            let mut idle = self.idle.lock();
            let keep = idle.iter().position(|idle| idle.since.elapsed() < IDLE_MAX).unwrap_or(idle.len());
            idle.drain(..keep).collect()
        };
        drop(stale);
    }

    fn report(&self, invocation: &Invocation, log: &mut InvocationLog, took: Duration) {
        if log.wants_tail() {
            let (id, milliseconds) = (invocation.request_id(), took.as_secs_f64() * 1_000.0);
            log.platform_line(&format!("END RequestId: {id}"));
            log.platform_line(&format!(
                "REPORT RequestId: {id}\tDuration: {milliseconds:.2} ms\tBilled Duration: {:.0} ms\tMemory Size: {} MB\t",
                milliseconds.ceil(),
                self.function.memory_mb
            ));
        }
    }
}
