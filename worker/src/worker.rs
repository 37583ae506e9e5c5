//! The worker as a library: built from a function table and Rust functions, run, drained.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use baton_proto::worker::v1::Dispatch;
use baton_task_queue::TaskQueue;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::functions::{Function, FunctionTable};
use crate::handlers::lambda_runtime::interpreter::{self, Language};
use crate::handlers::{Handler, RustFunction};
use crate::invocation::{FunctionError, Invocation};
use crate::session::{self, Command, Credentials, Refusal, Service, Session, SessionConfig, WorkerStatus};

/// Runs task activations of the queues that it serves.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use baton_worker::{Bytes, Worker};
/// let worker = Worker::builder()
///     .coordinator(["http://127.0.0.1:8083"])
///     .function("Greet", 16, |invocation| async move { Ok(Bytes::from(invocation.input().clone())) })
///     .build()?;
/// worker.run(Default::default()).await;
/// # Ok(()) }
/// ```
pub struct Worker {
    session: Session,
    handle: WorkerHandle,
}

/// Asks things of a running worker. Cheap to clone.
#[derive(Clone)]
pub struct WorkerHandle {
    commands: mpsc::UnboundedSender<Command>,
    status: watch::Receiver<WorkerStatus>,
    in_process: Arc<Vec<Service>>,
    table: Arc<parking_lot::Mutex<FunctionTable>>,
    handlers: Arc<parking_lot::Mutex<Vec<(Function, Handler)>>>,
}

/// What is told to a worker before it runs.
#[derive(Default)]
pub struct WorkerBuilder {
    urls: Vec<String>,
    table: FunctionTable,
    in_process_services: Vec<Service>,
    in_process: bool,
    name: Option<String>,
    dispatch: Dispatch,
    token: Option<String>,
    ca_pem: Option<String>,
    broker: Option<Arc<dyn TaskQueue>>,
}

/// Why a worker cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// There is nobody to get work from.
    #[error("no coordinator is named; next step: give the worker at least one http:// address")]
    NoCoordinator,
    /// An address that is not one.
    #[error("coordinator address {url}: {reason}; next step: write it as http://HOST:PORT, or https:// for TLS")]
    Address {
        /// As given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A token that no header can hold.
    #[error("the worker's token has characters that cannot be sent; next step: use letters, digits and punctuation")]
    Token,
    /// Two functions or activities under one name.
    #[error("queue {0} is served twice; next step: keep one of the two functions")]
    Twice(String),
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainReport {
    /// Invocations that still ran when time was up.
    pub unfinished: usize,
    /// Outcomes that were not acknowledged when time was up.
    pub unacknowledged: usize,
}

/// An interpreter that functions need and that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingInterpreter {
    /// `python3.11`, `node20`, …
    pub interpreter: String,
    /// The functions that need it, by name.
    pub functions: Vec<String>,
}

impl std::fmt::Display for MissingInterpreter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} is not installed; needed by {}. Their tasks will fail until it is on PATH, everything else works",
            self.interpreter,
            self.functions.join(", ")
        )
    }
}

impl WorkerBuilder {
    /// The coordinators' addresses, `http://HOST:PORT`. One is used at a time, the next when it goes away.
    #[must_use]
    pub fn coordinator<U: Into<String>>(mut self, urls: impl IntoIterator<Item = U>) -> Self {
        self.urls.extend(urls.into_iter().map(Into::into));
        self
    }

    /// The functions that run in processes of their own or behind HTTP.
    #[must_use]
    pub fn functions(mut self, table: FunctionTable) -> Self {
        self.table = table;
        self
    }

    /// A Rust function in this process, queue `lambda:<name>`, at most `concurrency` invocations at once.
    ///
    /// It must not block its thread: other invocations share it. What blocks belongs into `tokio::task::spawn_blocking`.
    #[must_use]
    pub fn function<F, R>(self, name: &str, concurrency: u32, function: F) -> Self
    where
        F: Fn(Invocation) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Bytes, FunctionError>> + Send + 'static,
    {
        self.service(format!("lambda:{name}"), concurrency, function)
    }

    /// As [`WorkerBuilder::function`], for an activity: queue `activity:<name>`.
    #[must_use]
    pub fn activity<F, R>(self, name: &str, concurrency: u32, function: F) -> Self
    where
        F: Fn(Invocation) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Bytes, FunctionError>> + Send + 'static,
    {
        self.service(format!("activity:{name}"), concurrency, function)
    }

    fn service<F, R>(mut self, queue: String, concurrency: u32, function: F) -> Self
    where
        F: Fn(Invocation) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Bytes, FunctionError>> + Send + 'static,
    {
        let handler = Handler::Rust(RustFunction::new(function));
        self.in_process_services.push(Service { queue, handler, concurrency, timeout_seconds: 0 });
        self
    }

    /// True for the worker inside a coordinator's own process, whose claims end with that process.
    #[must_use]
    pub fn in_process(mut self, in_process: bool) -> Self {
        self.in_process = in_process;
        self
    }

    /// A name for people to read; `<host>-<process id>` without one.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Whether the coordinator grants tasks (the default) or offers them.
    #[must_use]
    pub fn dispatch(mut self, dispatch: Dispatch) -> Self {
        self.dispatch = dispatch;
        self
    }

    /// The token that coordinators ask for.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Certificates in PEM that those of `https://` coordinators may be signed with; the system's without.
    #[must_use]
    pub fn ca_certificates(mut self, pem: impl Into<String>) -> Self {
        self.ca_pem = Some(pem.into());
        self
    }

    /// Where the worker finds offers of tasks. Without one, and while it is away, the coordinator hands tasks out over the session.
    #[must_use]
    pub fn queue(mut self, broker: Arc<dyn TaskQueue>) -> Self {
        self.broker = Some(broker);
        self
    }

    /// Makes the worker. Nothing is connected or started yet.
    ///
    /// # Errors
    /// No or a malformed address, a token that cannot be sent, or one queue served twice.
    pub fn build(self) -> Result<Worker, BuildError> {
        let endpoint = |url: &String| {
            session::endpoint(url, self.ca_pem.as_deref()).map_err(|reason| BuildError::Address { url: url.clone(), reason })
        };
        let endpoints = self.urls.iter().map(endpoint);
        let endpoints = endpoints.collect::<Result<Vec<_>, _>>()?;
        if endpoints.is_empty() {
            return Err(BuildError::NoCoordinator);
        }
        let config = SessionConfig {
            name: self.name.unwrap_or_else(default_name),
            incarnation: getrandom::u64().expect("the system has random numbers"),
            endpoints,
            dispatch: self.dispatch,
            in_process: self.in_process,
            credentials: Credentials::new(self.token.as_deref()).ok_or(BuildError::Token)?,
            broker: self.broker,
        };
        let (commands, receiver) = mpsc::unbounded_channel();
        let (status_sender, status) = watch::channel(WorkerStatus::default());
        let handle = WorkerHandle {
            commands,
            status,
            in_process: Arc::new(self.in_process_services),
            table: Arc::default(),
            handlers: Arc::default(),
        };
        let services = handle.services_of(self.table)?;
        Ok(Worker { session: Session::new(config, services, receiver, status_sender), handle })
    }
}

impl Worker {
    /// Begins to describe a worker.
    pub fn builder() -> WorkerBuilder {
        WorkerBuilder::default()
    }

    /// For asking things of the worker while it runs.
    pub fn handle(&self) -> WorkerHandle {
        self.handle.clone()
    }

    /// Runs until `stop` is cancelled, which ends all handlers at once, or until [`WorkerHandle::drain`] has drained it.
    pub async fn run(self, stop: CancellationToken) {
        let Self { session, handle } = self;
        // The session holds the handlers until its end; the handle must not keep processes alive beyond it.
        session.run(stop).await;
        handle.handlers.lock().clear();
    }
}

impl WorkerHandle {
    /// Waits until the worker is connected for the first time, or has ended.
    pub async fn ready(&self) {
        // An error means that the session has ended, and then there is nothing to wait for.
        let _ = self.status.clone().wait_for(|status| status.connected).await;
    }

    /// Waits until the worker is connected for the first time, or a coordinator has refused it, or it has ended. Answers why it was refused.
    pub async fn refused(&self) -> Option<Refusal> {
        let mut status = self.status.clone();
        let decided = status.wait_for(|status| status.connected || status.refusal.is_some()).await.ok()?;
        decided.refusal.clone().filter(|_| !decided.connected)
    }

    /// What can be seen of the worker now.
    pub fn status(&self) -> WorkerStatus {
        self.status.borrow().clone()
    }

    /// Ends the worker in order: no further credits, running handlers end, outcomes are acknowledged, goodbye. Then [`Worker::run`] returns.
    ///
    /// After `patience` it gives up waiting; the caller then cancels the token given to [`Worker::run`].
    pub async fn drain(&self, patience: Duration) -> DrainReport {
        let (reply, drained) = oneshot::channel();
        if self.commands.send(Command::Drain(reply)).is_ok() {
            // Either way what is left is in the status.
            let _ = tokio::time::timeout(patience, drained).await;
        }
        let status = self.status();
        DrainReport { unfinished: status.running, unacknowledged: status.unacknowledged }
    }

    /// Serves another function table from now on. Functions that are the same keep their warm processes; what runs may end.
    ///
    /// # Errors
    /// A function of the table has the name of a Rust function of this worker.
    pub fn set_functions(&self, table: FunctionTable) -> Result<(), BuildError> {
        let services = self.services_of(table)?;
        // A worker that has ended serves nothing.
        let _ = self.commands.send(Command::Serve(services));
        Ok(())
    }

    /// The code of these functions has changed: idle processes end at once, busy ones when they have answered.
    pub fn reload<'a>(&self, functions: impl IntoIterator<Item = &'a str>) {
        let queues = functions.into_iter().map(|name| format!("lambda:{name}")).collect();
        let _ = self.commands.send(Command::Reload(queues));
    }

    /// The interpreters that functions of the table need and that cannot be run here.
    pub async fn missing_interpreters(&self) -> Vec<MissingInterpreter> {
        let table = self.table.lock().clone();
        missing_interpreters(&table).await
    }

    /// Handlers for a table: the ones in use where the function is the same, new ones otherwise.
    fn services_of(&self, table: FunctionTable) -> Result<Vec<Service>, BuildError> {
        let mut handlers = self.handlers.lock();
        let mut kept = Vec::new();
        let mut services = self.in_process.as_ref().clone();
        for function in table.iter() {
            let same = handlers.iter().find(|(other, _)| other == function).map(|(_, handler)| handler.clone());
            let handler = same.unwrap_or_else(|| Handler::of_function(Arc::new(function.clone())));
            kept.push((function.clone(), handler.clone()));
            let timeout_seconds = u32::try_from(function.timeout.as_secs()).unwrap_or(u32::MAX);
            services.push(Service {
                queue: format!("lambda:{}", function.name),
                handler,
                concurrency: function.concurrency,
                timeout_seconds,
            });
        }
        let mut names: Vec<_> = services.iter().map(|service| &service.queue).collect();
        names.sort();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(BuildError::Twice(twice[0].clone()));
        }
        *handlers = kept;
        *self.table.lock() = table;
        Ok(services)
    }
}

/// The interpreters that functions of a table need and that cannot be run here.
pub async fn missing_interpreters(table: &FunctionTable) -> Vec<MissingInterpreter> {
    let mut missing: Vec<MissingInterpreter> = Vec::new();
    for function in table.iter() {
        let (language, version) = match &function.runtime {
            crate::functions::Runtime::Python { version, .. } => (Language::Python, version),
            crate::functions::Runtime::Node { version, .. } => (Language::Node, version),
            crate::functions::Runtime::Provided { .. }
            | crate::functions::Runtime::Command { .. }
            | crate::functions::Runtime::Http { .. }
            | crate::functions::Runtime::Unsupported { .. } => continue,
        };
        let Err(absent) = interpreter::find(language, version).await else {
            continue;
        };
        let name = absent.tried[0].clone();
        match missing.iter_mut().find(|entry| entry.interpreter == name) {
            Some(entry) => entry.functions.push(function.name.clone()),
            None => missing.push(MissingInterpreter { interpreter: name, functions: vec![function.name.clone()] }),
        }
    }
    missing
}

fn default_name() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{host}-{}", std::process::id())
}
