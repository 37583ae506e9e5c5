//! A program that ends with the process that started it, whatever ends that.
//!
//! The program runs in a process group of its own, together with a watchdog: a shell that reads from a pipe whose other end is in this
//! process. The pipe closes when this process ends, even by kill -9, and the watchdog kills the group.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::{Folder, ServiceError};

/// `$1` is the log, `$2` a folder that goes with this process, if any, the rest is the program. Prints the program's process id. When the program
/// ends, so does the group.
const WATCHDOG: &str = r#"
log=$1; folder=$2; shift 2
exec 3<&0
"$@" </dev/null >>"$log" 2>&1 3<&- &
program=$!
echo $program
exec >/dev/null
{ cat <&3 >/dev/null; [ -z "$folder" ] || rm -rf "$folder"; kill -KILL 0; } &
wait $program
kill -KILL 0
"#;

/// How often a server that is starting is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// A process that is killed ends at once, unless the disk holds it.
const KILL_PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Group {
    name: &'static str,
    watchdog: Child,
    program: Pid,
    log: PathBuf,
}

impl Group {
    /// Starts a program with nothing of this process's environment but `PATH` and what is given. Its output goes into a file of the folder.
    pub(crate) fn start(
        name: &'static str,
        command: &[String],
        environment: &[(String, String)],
        folder: &Folder,
        log: &str,
    ) -> Result<Self, ServiceError> {
        let log = folder.path().join(log);
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", WATCHDOG, name]).arg(&log).arg(folder.path_if_temporary().unwrap_or(Path::new(""))).args(command);
        shell
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LANG", "C.UTF-8")
            .envs(environment.iter().cloned());
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).current_dir("/").process_group(0);
        let mut watchdog = shell.spawn().map_err(ServiceError::io(format!("cannot start the {name}")))?;
        let mut line = String::new();
        let output = watchdog.stdout.take().expect("standard output was asked for");
        BufReader::new(output).read_line(&mut line).map_err(ServiceError::io(format!("the process id of the {name}")))?;
        let program = line.trim().parse().ok().and_then(Pid::from_raw).expect("the watchdog prints a process id");
        Ok(Self { name, watchdog, program, log })
    }

    /// Waits until it answers.
    pub(crate) fn wait_until(&mut self, answers: impl Fn() -> bool, patience: Duration) -> Result<(), ServiceError> {
        let started = Instant::now();
        while !answers() {
            if !self.is_running() {
                return Err(ServiceError::Ended { program: self.name, log: self.log.clone() });
            }
            if started.elapsed() > patience {
                return Err(ServiceError::NotReady { program: self.name, seconds: patience.as_secs(), log: self.log.clone() });
            }
            sleep(LOOK);
        }
        Ok(())
    }

    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.watchdog.try_wait(), Ok(None))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.program.as_raw_nonzero().get().unsigned_abs()
    }

    /// SIGTERM to the program, and kill -9 if it is not gone in time.
    pub(crate) fn stop(mut self, patience: Duration) {
        let _ = kill_process(self.program, Signal::TERM);
        let started = Instant::now();
        while self.is_running() && started.elapsed() < patience {
            sleep(LOOK);
        }
    }

    /// To every process of the group; the watchdog goes on when it is continued. One that stops it has done so when this returns: a program of
    /// many threads answers for a moment longer.
    pub(crate) fn signal(&self, signal: Signal) {
        // A group that has ended by itself needs no signal.
        let _ = kill_process_group(Pid::from_child(&self.watchdog), signal);
        let started = Instant::now();
        while signal == Signal::STOP && has_running_thread(self.watchdog.id()) && started.elapsed() < KILL_PATIENCE {
            sleep(LOOK);
        }
    }
}

impl Drop for Group {
    /// kill -9, and waits until all of it is gone: what it listened on is free, what it wrote is written.
    fn drop(&mut self) {
        if self.is_running() {
            self.signal(Signal::KILL);
            let _ = self.watchdog.wait();
        }
        let started = Instant::now();
        while has_living_member(self.watchdog.id()) && started.elapsed() < KILL_PATIENCE {
            sleep(LOOK);
        }
    }
}

fn has_living_member(group: u32) -> bool {
    members(group).any(|process| lives(&process))
}

fn has_running_thread(group: u32) -> bool {
    let threads = members(group).flat_map(|process| paths(&process.join("task")));
    threads.filter_map(|thread| group_and_state(&thread)).any(|(_, state)| !matches!(state, 'T' | 'Z'))
}

fn members(group: u32) -> impl Iterator<Item = PathBuf> {
    paths(Path::new("/proc")).filter(move |process| group_and_state(process).is_some_and(|(of, _)| of == group))
}

fn paths(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// Zombies do not count, nobody may be there to ask for their status: unless a thread is left, which still has the sockets.
fn lives(process: &Path) -> bool {
    let threads = fs::read_dir(process.join("task")).map_or(0, Iterator::count);
    group_and_state(process).is_some_and(|(_, state)| state != 'Z') || threads > 1
}

fn group_and_state(process: &Path) -> Option<(u32, char)> {
    parse_stat(&fs::read_to_string(process.join("stat")).ok()?)
}

/// State and group are the first and the third field after the name, which may hold blanks and brackets.
fn parse_stat(stat: &str) -> Option<(u32, char)> {
    let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((fields.nth(1)?.parse().ok()?, state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_and_state_are_found_behind_odd_names() {
        assert_eq!(parse_stat("7 (a) b) c) S 1 42 42 0 -1"), Some((42, 'S')));
        assert_eq!(parse_stat("7 (a) Z 1 42 42 0 -1"), Some((42, 'Z')));
        assert_eq!(parse_stat("7 (a"), None);
    }
}
