//! The thread's work: events become lines, and lines go to where they are wanted.

use std::io::Write;

use super::cloudwatch::CloudWatch;
use super::files::Files;
use super::{LoggedEvents, losses, record};
use crate::sink::{Losses, Work};

/// See the module.
pub(super) struct Outlet {
    files: Option<Files>,
    stdout: Option<Stdout>,
    cloudwatch: Option<CloudWatch>,
}

impl Outlet {
    pub(super) fn new(files: Option<Files>, stdout: bool, cloudwatch: Option<CloudWatch>) -> Self {
        Self { files, stdout: stdout.then(Stdout::new), cloudwatch }
    }
}

impl Work<LoggedEvents> for Outlet {
    fn take(&mut self, logged: LoggedEvents) {
        let Some(logging) = &logged.revision.logging else { return };
        for (id, event) in &logged.events {
            let line = record::render(&logged, *id, event);
            if let Some(files) = &mut self.files {
                files.line(&logging.log_group_arn, &line);
            }
            if let Some(stdout) = &mut self.stdout {
                stdout.line(&line);
            }
            if let Some(cloudwatch) = &mut self.cloudwatch {
                cloudwatch.line(&logging.log_group_arn, &logged.state_machine_name, event.at, line);
            }
        }
    }

    fn idle(&mut self) {
        if let Some(files) = &mut self.files {
            files.flush();
        }
        if let Some(stdout) = &mut self.stdout {
            stdout.flush();
        }
    }
}

/// Standard output, which others write to as well: whole lines, several at once.
struct Stdout {
    lines: Vec<u8>,
    count: u64,
    losses: Losses,
}

/// Lines are gathered up to this size.
const STDOUT_BYTES: usize = 64 * 1024;

impl Stdout {
    fn new() -> Self {
        Self { lines: Vec::new(), count: 0, losses: losses("stdout") }
    }

    fn line(&mut self, line: &str) {
        self.lines.extend_from_slice(line.as_bytes());
        self.lines.push(b'\n');
        self.count += 1;
        if self.lines.len() >= STDOUT_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.count == 0 {
            return;
        }
        let mut out = std::io::stdout().lock();
        let count = std::mem::take(&mut self.count);
        match out.write_all(&self.lines).and_then(|()| out.flush()) {
            Ok(()) => self.losses.sent(count),
            Err(error) => self.losses.lost(count, "cannot_write", error),
        }
        self.lines.clear();
    }
}
