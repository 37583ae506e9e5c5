//! One process of a function, and one invocation in it.

use std::io;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use base64::Engine;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::AsyncWriteExt;
use tokio::process::Child;
use tokio::time::{Sleep, sleep};

use super::api::{Answer, Call, Next, RuntimeApi};
use super::{Launch, environment};
use crate::child;
use crate::functions::Function;
use crate::handlers::output::Output;
use crate::handlers::payload;
use crate::invocation::{FunctionError, Invocation};
use crate::logs::{InvocationLog, now_ms};

/// What a process may take to get ready, beside the function's own timeout; Lambda's init phase.
const INIT_MAX: Duration = Duration::from_secs(10);
/// What a process whose runtime has failed may take to exit by itself, so that its last log lines are seen.
const EXIT_GRACE: Duration = Duration::from_millis(500);

/// A process with its Runtime API. Ends with its group when dropped.
pub(super) struct RuntimeProcess {
    child: Child,
    group: Option<u32>,
    api: RuntimeApi,
    output: Output,
    generation: u64,
}

/// How an invocation ended.
pub(super) enum Ended {
    /// The process ended or failed before it took the invocation, so the handler has not run.
    BeforeHandler(FunctionError),
    /// The handler has run. The process comes back if it can serve again.
    Answered { result: Result<Bytes, FunctionError>, process: Option<Box<RuntimeProcess>> },
}

/// What ends the wait for a process.
enum Happened {
    Called(Call),
    Exited(ExitStatus),
    TimedOut,
}

impl Drop for RuntimeProcess {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            child::kill_group(group);
        }
    }
}

impl RuntimeProcess {
    /// Starts a process of the function; it loads the handler and asks for its first invocation by itself.
    pub(super) async fn start(function: &Function, launch: &Launch, generation: u64) -> io::Result<Box<Self>> {
        let api = RuntimeApi::start().await?;
        let mut command = child::command(&launch.program);
        command.args(&launch.arguments).current_dir(&launch.code).envs(environment::of(function, launch, api.address));
        command.stdin(if launch.script.is_some() { Stdio::piped() } else { Stdio::null() }).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child::spawn(command).await?;
        let mut process = Box::new(Self { group: child.id(), output: Output::of(&mut child), child, api, generation });
        process.give_script(launch.script).await;
        Ok(process)
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// A process that ends while it gets its script is noticed when it is invoked.
    async fn give_script(&mut self, script: Option<&str>) {
        if let (Some(mut stdin), Some(script)) = (self.child.stdin.take(), script) {
            let _ = stdin.write_all(script.as_bytes()).await;
        }
    }

    /// Runs one invocation to its end, whatever that is.
    pub(super) async fn invoke(mut self: Box<Self>, function: &Function, invocation: &Invocation, log: &mut InvocationLog) -> Ended {
        if let Err(error) = self.hand_over(function, invocation, log).await {
            self.output.log_rest(log);
            return Ended::BeforeHandler(error);
        }
        let (result, reusable) = self.await_answer(function, invocation, log).await;
        self.output.log_rest(log);
        Ended::Answered { result, process: reusable.then_some(self) }
    }

    /// Waits until the process asks for an invocation, and gives it this one.
    async fn hand_over(&mut self, function: &Function, invocation: &Invocation, log: &mut InvocationLog) -> Result<(), FunctionError> {
        let mut patience = Box::pin(sleep(INIT_MAX + function.timeout));
        loop {
            match self.happens(patience.as_mut(), log).await {
                Happened::Called(Call::Next(process)) => {
                    let next = Next { headers: headers(function, invocation), payload: invocation.input().clone() };
                    // The process may have given up this request and made another.
                    if process.send(next).is_ok() {
                        return Ok(());
                    }
                }
                Happened::Called(Call::Answer { reply, .. }) => {
                    let _ = reply.send(StatusCode::FORBIDDEN);
                }
                Happened::Called(Call::InitError { payload }) => {
                    self.let_it_exit(log).await;
                    return Err(FunctionError::from_payload(&payload).before_handler());
                }
                Happened::Exited(status) => {
                    return Err(payload::exited(invocation.request_id(), status).before_handler());
                }
                Happened::TimedOut => {
                    return Err(payload::timed_out(invocation.request_id(), function.timeout).before_handler());
                }
            }
        }
    }

    /// Waits for the answer. True beside it if the process can serve again.
    async fn await_answer(
        &mut self,
        function: &Function,
        invocation: &Invocation,
        log: &mut InvocationLog,
    ) -> (Result<Bytes, FunctionError>, bool) {
        let mut patience = Box::pin(sleep(function.timeout));
        loop {
            match self.happens(patience.as_mut(), log).await {
                Happened::Called(Call::Answer { request_id, answer, reply }) if request_id == invocation.request_id() => {
                    let accepted = if matches!(answer, Answer::TooLarge) { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::ACCEPTED };
                    let _ = reply.send(accepted);
                    return Self::judge(answer);
                }
                Happened::Called(Call::Answer { reply, .. }) => {
                    let _ = reply.send(StatusCode::FORBIDDEN);
                }
                // A runtime that asks for the next invocation has lost this one; there is no other to give.
                Happened::Called(Call::Next(_)) => {
                    return (
                        Err(FunctionError::lambda(
                            "Runtime.ExitError",
                            &format!(
                                "RequestId: {} Error: Runtime asked for the next invocation without answering this one",
                                invocation.request_id()
                            ),
                        )),
                        false,
                    );
                }
                Happened::Called(Call::InitError { payload }) => {
                    self.let_it_exit(log).await;
                    return (Err(FunctionError::from_payload(&payload)), false);
                }
                Happened::Exited(status) => {
                    return (Err(payload::exited(invocation.request_id(), status)), false);
                }
                Happened::TimedOut => {
                    log.line(&format!("{} Task timed out after {:.2} seconds", invocation.request_id(), function.timeout.as_secs_f64()));
                    return (Err(payload::timed_out(invocation.request_id(), function.timeout)), false);
                }
            }
        }
    }

    /// A process that could not load its handler starts anew for the next invocation, which may find the code mended.
    fn judge(answer: Answer) -> (Result<Bytes, FunctionError>, bool) {
        match answer {
            Answer::Output(output) => (payload::checked(output), true),
            Answer::Error { payload, loading: false } => (Err(FunctionError::from_payload(&payload)), true),
            Answer::Error { payload, loading: true } => (Err(FunctionError::from_payload(&payload).before_handler()), false),
            Answer::TooLarge => (Err(payload::too_large()), true),
        }
    }

    /// Logs output until the process calls, exits, or time is up. A call comes first: a process may exit right after it.
    async fn happens(&mut self, mut patience: Pin<&mut Sleep>, log: &mut InvocationLog) -> Happened {
        let Self { child, api, output, .. } = self;
        loop {
            tokio::select! {
                biased;
                call = api.calls.recv() => return Happened::Called(call.expect("the server runs as long as its owner lives")),
                status = child.wait() => return Happened::Exited(status.expect("the child is ours to wait for")),
                () = patience.as_mut() => return Happened::TimedOut,
                () = output.log_next(log) => {}
            }
        }
    }

    async fn let_it_exit(&mut self, log: &mut InvocationLog) {
        let mut patience = Box::pin(sleep(EXIT_GRACE));
        while matches!(self.happens(patience.as_mut(), log).await, Happened::Called(_)) {}
    }
}

/// The headers that tell the runtime about an invocation.
fn headers(function: &Function, invocation: &Invocation) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |name: &'static str, value: &[u8]| {
        // A value that no header can hold, a line break for instance, is left out like an absent one.
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    let deadline_ms = now_ms() + i64::try_from(function.timeout.as_millis()).unwrap_or(i64::MAX / 2);
    let arn = if invocation.resource().starts_with("arn:") { invocation.resource() } else { &function.arn };
    set("lambda-runtime-aws-request-id", invocation.request_id().as_bytes());
    set("lambda-runtime-deadline-ms", deadline_ms.to_string().as_bytes());
    set("lambda-runtime-invoked-function-arn", arn.as_bytes());
    if !invocation.trace_header().is_empty() {
        set("lambda-runtime-trace-id", invocation.trace_header().as_bytes());
    }
    if let Some(context) = client_context(invocation.client_context()) {
        set("lambda-runtime-client-context", &context);
    }
    headers
}

/// The runtime wants the JSON text that the caller gave in base64.
fn client_context(encoded: &str) -> Option<Vec<u8>> {
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    serde_json::from_slice::<serde::de::IgnoredAny>(&decoded).ok()?;
    Some(decoded.into_iter().filter(|&byte| byte != b'\n' && byte != b'\r').collect())
}
