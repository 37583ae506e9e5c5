//! `command`: a program per invocation. Input on standard input, JSON output on standard output, logs on standard error.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::Semaphore;

use super::output::Pipe;
use super::payload;
use crate::child;
use crate::functions::Function;
use crate::invocation::{Completion, FunctionError, Invocation};
use crate::logs::InvocationLog;

/// A command line that is run once per invocation.
pub(crate) struct Command {
    argv: Vec<String>,
    directory: PathBuf,
    function: Arc<Function>,
    slots: Semaphore,
}

impl Command {
    pub(super) fn new(argv: Vec<String>, directory: PathBuf, function: Arc<Function>) -> Self {
        let slots = Semaphore::new(function.concurrency as usize);
        Self { argv, directory, function, slots }
    }

    pub(super) async fn invoke(self: Arc<Self>, invocation: Invocation) -> Completion {
        let _slot = self.slots.acquire().await.expect("the slots are never closed");
        let mut log = invocation.open_log(&self.function.name);
        let result = self.run(&invocation, &mut log).await;
        Completion { result, log_tail: log.into_tail() }
    }

    async fn run(&self, invocation: &Invocation, log: &mut InvocationLog) -> Result<Bytes, FunctionError> {
        let program = self
            .program()
            .ok_or_else(|| payload::cannot_start(invocation.request_id(), &format!("no program {} on PATH", self.argv[0])))?;
        let child = child::spawn(self.command(&program, invocation)).await;
        let child = child.map_err(|error| payload::cannot_start(invocation.request_id(), &format!("{}: {error}", program.display())))?;
        let mut child = Running { group: child.id(), child };
        let timeout = self.function.timeout;
        match tokio::time::timeout(timeout, child.finish(invocation, log)).await {
            Ok(result) => result,
            Err(_) => Err(payload::timed_out(invocation.request_id(), timeout)),
        }
    }

    /// A name without a slash is looked for on `PATH`, any other path is seen from the command's folder.
    fn program(&self) -> Option<PathBuf> {
        let program = &self.argv[0];
        match program.contains('/') {
            true => Some(self.directory.join(program)).filter(|path| child::is_executable(path)),
            false => child::which(program),
        }
    }

    fn command(&self, program: &Path, invocation: &Invocation) -> tokio::process::Command {
        let mut command = child::command(program);
        command.args(&self.argv[1..]).current_dir(&self.directory);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("AWS_LAMBDA_FUNCTION_NAME", &self.function.name);
        command.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", self.function.memory_mb.to_string());
        command.env("AWS_REQUEST_ID", invocation.request_id());
        command.env("_X_AMZN_TRACE_ID", invocation.trace_header());
        if let Some(traceparent) = invocation.traceparent() {
            command.env("TRACEPARENT", traceparent);
        }
        command.envs(&self.function.environment);
        command
    }
}

/// A started program; ends with its group when dropped.
struct Running {
    child: Child,
    group: Option<u32>,
}

impl Drop for Running {
    /// Also after the program has ended by itself, since what it has started may still run.
    fn drop(&mut self) {
        if let Some(group) = self.group {
            child::kill_group(group);
        }
    }
}

impl Running {
    async fn finish(&mut self, invocation: &Invocation, log: &mut InvocationLog) -> Result<Bytes, FunctionError> {
        let (stdin, stdout) = (self.child.stdin.take(), self.child.stdout.take());
        let mut stderr = Pipe::new(self.child.stderr.take());
        let exchange = async { tokio::join!(write_all(stdin, invocation.input()), read_all(stdout)).1 };
        tokio::pin!(exchange);
        let answer = loop {
            tokio::select! {
                answer = &mut exchange => break answer?,
                () = stderr.log_next(log) => {}
            }
        };
        let status = loop {
            tokio::select! {
                status = self.child.wait() => break status.expect("the child has not been waited for before"),
                () = stderr.log_next(log) => {}
            }
        };
        stderr.log_rest(log);
        match status.success() {
            true => payload::checked(answer),
            false => Err(payload::exited(invocation.request_id(), status)),
        }
    }
}

/// A program need not read its input, so a closed pipe is no failure.
async fn write_all(stdin: Option<ChildStdin>, input: &Bytes) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(input).await;
    }
}

async fn read_all(stdout: Option<ChildStdout>) -> Result<Bytes, FunctionError> {
    let mut answer = BytesMut::new();
    let Some(mut stdout) = stdout else {
        return Ok(answer.freeze());
    };
    while stdout.read_buf(&mut answer).await.is_ok_and(|length| length > 0) {
        if answer.len() > payload::RESPONSE_BYTES_MAX {
            return Err(payload::too_large());
        }
    }
    Ok(answer.freeze())
}
