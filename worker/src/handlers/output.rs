//! What a process writes to standard output and standard error.

use std::io;
use std::os::fd::AsFd;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStderr, ChildStdout};

use crate::logs::{InvocationLog, LineSplitter};

const READ_BYTES: usize = 8_192;

/// Both pipes of a process, cut into lines.
#[derive(Debug)]
pub(super) struct Output {
    stdout: Pipe<ChildStdout>,
    stderr: Pipe<ChildStderr>,
}

impl Output {
    /// Takes the pipes of a child that was started with them.
    pub(super) fn of(child: &mut Child) -> Self {
        Self { stdout: Pipe::new(child.stdout.take()), stderr: Pipe::new(child.stderr.take()) }
    }

    /// Waits for the next piece of output and logs it. Pends for ever once both pipes have ended. Cancel-safe.
    pub(super) async fn log_next(&mut self, log: &mut InvocationLog) {
        tokio::select! {
            length = self.stdout.fill() => self.stdout.log_filled(length, log),
            length = self.stderr.fill() => self.stderr.log_filled(length, log),
        }
    }

    /// Logs what has been written by now, without waiting: called when the answer is there, so that lines written before it are not taken for the
    /// next invocation's.
    pub(super) fn log_rest(&mut self, log: &mut InvocationLog) {
        self.stdout.log_rest(log);
        self.stderr.log_rest(log);
    }
}

#[derive(Debug)]
pub(super) struct Pipe<P> {
    pipe: Option<P>,
    buffer: Box<[u8]>,
    lines: LineSplitter,
}

impl<P: AsyncRead + AsFd + Unpin> Pipe<P> {
    pub(super) fn new(pipe: Option<P>) -> Self {
        Self { pipe, buffer: vec![0; READ_BYTES].into(), lines: LineSplitter::default() }
    }

    pub(super) async fn log_next(&mut self, log: &mut InvocationLog) {
        let length = self.fill().await;
        self.log_filled(length, log);
    }

    /// Waits for output. Cancel-safe; pends for ever once the pipe has ended.
    async fn fill(&mut self) -> usize {
        let Some(pipe) = &mut self.pipe else {
            return std::future::pending().await;
        };
        pipe.read(&mut self.buffer).await.unwrap_or(0)
    }

    fn log_filled(&mut self, length: usize, log: &mut InvocationLog) {
        match length {
            0 => self.pipe = None,
            length => self.lines.push(&self.buffer[..length], |line| log.line(line)),
        }
    }

    /// Reads the file descriptor itself, since tokio would only read after it has seen it become readable. The descriptor does not block.
    pub(super) fn log_rest(&mut self, log: &mut InvocationLog) {
        while let Some(pipe) = &self.pipe {
            match rustix::io::read(pipe.as_fd(), &mut *self.buffer).map_err(io::Error::from) {
                Ok(length) => self.log_filled(length, log),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.lines.finish(|line| log.line(line));
    }
}
