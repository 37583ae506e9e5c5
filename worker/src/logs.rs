//! Lines that handlers write, on their way to the execution they belong to.
//!
//! Logs are shown, not relied on: when the coordinator takes them more slowly than handlers write, lines are dropped and counted, and
//! nothing that counts ever waits for them. Where worker and coordinator share a process, its log has each line already, and nothing is sent.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use baton_proto::worker::v1::LogLine;
use bytes::Bytes;
use tokio::sync::mpsc;

/// Lines between the handlers and the session.
const LINES_WAITING_MAX: usize = 8_192;
/// Longest line in bytes; a longer one is cut into several.
const LINE_BYTES_MAX: usize = 16_384;
/// What LogType "Tail" gives back.
const TAIL_BYTES: usize = 4_096;

/// The handlers' end of the way.
#[derive(Debug, Clone)]
pub(crate) struct LogSender {
    lines: mpsc::Sender<LogLine>,
    /// Whoever would receive the lines shows the same log.
    in_process: bool,
    dropped: Arc<AtomicU64>,
}

/// Which attempt a line is of, and what people call it.
#[derive(Debug, Clone)]
pub(crate) struct LogOrigin {
    pub(crate) token: Bytes,
    /// Name of the function.
    pub(crate) function: Arc<str>,
    /// Name of the execution.
    pub(crate) execution: Arc<str>,
    pub(crate) execution_arn: Arc<str>,
    /// 32 hexadecimal digits; empty when the execution is part of no trace.
    pub(crate) trace_id: Arc<str>,
}

/// The session's end of the way.
#[derive(Debug)]
pub(crate) struct LogReceiver {
    pub(crate) lines: mpsc::Receiver<LogLine>,
    dropped: Arc<AtomicU64>,
}

/// The way; `in_process` when the coordinator is in the same process.
pub(crate) fn channel(in_process: bool) -> (LogSender, LogReceiver) {
    let (sender, receiver) = mpsc::channel(LINES_WAITING_MAX);
    let dropped = Arc::new(AtomicU64::new(0));
    (LogSender { lines: sender, in_process, dropped: dropped.clone() }, LogReceiver { lines: receiver, dropped })
}

impl LogSender {
    /// Shows a line in this process's log, and sends it to the coordinator.
    pub(crate) fn line(&self, origin: &LogOrigin, text: &str) {
        let LogOrigin { token, function, execution, execution_arn, trace_id } = origin;
        tracing::info!(target: "baton::function", %function, %execution, %execution_arn, %trace_id, "{text}");
        if self.in_process {
            return;
        }
        let line = LogLine {
            token: token.clone(),
            at_ms: now_ms(),
            text: text.to_owned(),
            function: function.to_string(),
            execution: execution.to_string(),
            execution_arn: execution_arn.to_string(),
            trace_id: trace_id.to_string(),
        };
        if self.lines.try_send(line).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl LogReceiver {
    /// Lines dropped since the last call.
    pub(crate) fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }
}

/// The log of one invocation: each line is shown and sent, the end of it is kept if asked for.
#[derive(Debug)]
pub(crate) struct InvocationLog {
    sender: LogSender,
    origin: LogOrigin,
    tail: Option<Tail>,
}

impl InvocationLog {
    pub(crate) fn new(sender: LogSender, origin: LogOrigin, tail: bool) -> Self {
        Self { sender, origin, tail: tail.then(Tail::default) }
    }

    pub(crate) fn line(&mut self, text: &str) {
        self.sender.line(&self.origin, text);
        self.platform_line(text);
    }

    /// A line that only the tail shows: Lambda's START, END and REPORT.
    pub(crate) fn platform_line(&mut self, text: &str) {
        if let Some(tail) = &mut self.tail {
            tail.push(text);
        }
    }

    pub(crate) fn wants_tail(&self) -> bool {
        self.tail.is_some()
    }

    pub(crate) fn into_tail(self) -> Bytes {
        self.tail.map(Tail::into_bytes).unwrap_or_default()
    }
}

/// The last bytes of a log.
#[derive(Debug, Default)]
struct Tail(VecDeque<u8>);

impl Tail {
    fn push(&mut self, text: &str) {
        self.0.extend(text.as_bytes());
        self.0.push_back(b'\n');
        let excess = self.0.len().saturating_sub(TAIL_BYTES);
        self.0.drain(..excess);
    }

    fn into_bytes(self) -> Bytes {
        Vec::from(self.0).into()
    }
}

/// Cuts what a process writes into lines.
#[derive(Debug, Default)]
pub(crate) struct LineSplitter {
    rest: Vec<u8>,
}

impl LineSplitter {
    pub(crate) fn push(&mut self, bytes: &[u8], mut take: impl FnMut(&str)) {
        let mut bytes = bytes;
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            self.rest.extend_from_slice(&bytes[..end]);
            self.flush(&mut take);
            bytes = &bytes[end + 1..];
        }
        self.rest.extend_from_slice(bytes);
        if self.rest.len() >= LINE_BYTES_MAX {
            self.flush(&mut take);
        }
    }

    /// Gives what stands after the last line end, if anything.
    pub(crate) fn finish(&mut self, mut take: impl FnMut(&str)) {
        if !self.rest.is_empty() {
            self.flush(&mut take);
        }
    }

    fn flush(&mut self, take: &mut impl FnMut(&str)) {
        for piece in self.rest.chunks(LINE_BYTES_MAX) {
            take(String::from_utf8_lossy(piece).trim_end_matches('\r'));
        }
        if self.rest.is_empty() {
            take("");
        }
        self.rest.clear();
    }
}

pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_wherever_the_reads_fall() {
        let mut splitter = LineSplitter::default();
        let mut lines = Vec::new();
        for piece in ["one\r\ntw", "o\n\nthr", "ee"] {
            splitter.push(piece.as_bytes(), |line| lines.push(line.to_owned()));
        }
        splitter.finish(|line| lines.push(line.to_owned()));
        assert_eq!(lines, ["one", "two", "", "three"]);
    }

    #[test]
    fn endless_lines_are_cut() {
        let mut splitter = LineSplitter::default();
        let mut sizes = Vec::new();
        splitter.push(&[b'x'; 40_000], |line| sizes.push(line.len()));
        assert_eq!(sizes, [16_384, 16_384, 7_232]);
    }

    #[test]
    fn the_tail_is_the_last_4_kb() {
        let mut tail = Tail::default();
        for n in 0..1_000 {
            tail.push(&format!("line {n}"));
        }
        let bytes = tail.into_bytes();
        assert_eq!(bytes.len(), TAIL_BYTES);
        assert!(bytes.ends_with(b"line 998\nline 999\n"));
    }
}
