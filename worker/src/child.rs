//! Child processes that end with their worker.
//!
//! A handler must not outlive its worker, even one ended by `kill -9`. Linux can signal a child when its parent dies, but the request has to be
//! made inside the child between fork and exec, and code there is `unsafe` in Rust. So the child is made in two steps: the worker starts *this
//! same executable* with [`MARKER`], which asks for the signal for itself (safe) and then replaces itself by the program (safe).
//! [`run_if_requested`] is that second step; a program that embeds a worker with process runtimes calls it first in `main`.
//!
//! Without that call the worker falls back on `setpriv --pdeathsig` of util-linux if it is installed. In any case the runtimes end when
//! the Runtime API goes away, which happens when they are between two invocations or finish one.
//!
//! What a handler itself has started is ended with it, by its process group: on timeouts and cancellations by the worker, and when the
//! worker is killed by a [`watchdog`].
//!
//! The signal is bound to the *thread* that forked. All children are therefore started from one thread that lives as long as the process.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command as StdCommand;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{OnceLock, mpsc};

use rustix::process::{Pid, Signal, getppid, kill_process_group};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::watchdog;

/// First argument of an executable that is to become a child.
pub const MARKER: &str = "__baton_child";
/// What shells answer when a program cannot be started.
const EXIT_CANNOT_START: i32 = 127;

static RE_EXEC: AtomicBool = AtomicBool::new(false);

/// Becomes the child program if this process was started for that, and does not return then. Call it first in `main`, before any thread exists.
pub fn run_if_requested() {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        Some(first) if first == MARKER => {}
        Some(first) if first == watchdog::MARKER => {
            watchdog::become_watchdog();
            std::process::exit(0);
        }
        Some(_) | None => return RE_EXEC.store(true, Ordering::Relaxed),
    }
    let error = become_child(arguments);
    eprintln!("baton: cannot start the handler's process: {error}");
    std::process::exit(EXIT_CANNOT_START);
}

/// Arguments: the parent's process id, the program, its arguments. Returns only on failure.
fn become_child(mut arguments: impl Iterator<Item = OsString>) -> io::Error {
    let parent = arguments.next().and_then(|id| id.to_str()?.parse::<i32>().ok());
    let (Some(parent), Some(program)) = (parent, arguments.next()) else {
        return io::Error::new(io::ErrorKind::InvalidInput, "no parent and program");
    };
    if let Err(error) = ask_for_death_signal() {
        return error;
    }
    // The parent may have died before the request was made; then nobody will ever send the signal.
    if getppid().map(Pid::as_raw_nonzero).map(std::num::NonZero::get) != Some(parent) {
        return io::Error::new(io::ErrorKind::BrokenPipe, "the worker has ended");
    }
    StdCommand::new(program).args(arguments).exec()
}

#[cfg(target_os = "linux")]
fn ask_for_death_signal() -> io::Result<()> {
    Ok(rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?)
}

/// Elsewhere a child ends when it finds the Runtime API gone.
#[cfg(not(target_os = "linux"))]
fn ask_for_death_signal() -> io::Result<()> {
    Ok(())
}

/// A command whose process will end with this one, in a process group of its own.
pub(crate) fn command(program: &std::path::Path) -> Command {
    let mut command = match Launcher::detect() {
        Launcher::ReExec => {
            let mut command = Command::new("/proc/self/exe");
            command.arg(MARKER).arg(std::process::id().to_string()).arg(program);
            command
        }
        Launcher::Setpriv(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(program);
            command
        }
        Launcher::Direct => Command::new(program),
    };
    command.process_group(0).kill_on_drop(true);
    command
}

enum Launcher {
    ReExec,
    Setpriv(&'static PathBuf),
    Direct,
}

impl Launcher {
    fn detect() -> Self {
        static SETPRIV: OnceLock<Option<PathBuf>> = OnceLock::new();
        if RE_EXEC.load(Ordering::Relaxed) && cfg!(target_os = "linux") {
            return Self::ReExec;
        }
        let setpriv = SETPRIV.get_or_init(|| if cfg!(target_os = "linux") { which("setpriv") } else { None });
        setpriv.as_ref().map_or(Self::Direct, Self::Setpriv)
    }
}

/// Looks for an executable on `PATH`.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|candidate| is_executable(candidate))
}

pub(crate) fn is_executable(file: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

struct Request {
    command: Command,
    runtime: Handle,
    reply: oneshot::Sender<io::Result<Child>>,
}

/// Starts a process from the thread that all children are bound to.
pub(crate) async fn spawn(command: Command) -> io::Result<Child> {
    static REQUESTS: OnceLock<mpsc::Sender<Request>> = OnceLock::new();
    let requests = REQUESTS.get_or_init(|| {
        let (sender, receiver) = mpsc::channel();
        std::thread::Builder::new().name("baton-spawn".to_owned()).spawn(|| serve(receiver)).expect("a thread can be started");
        sender
    });
    let (reply, child) = oneshot::channel();
    let gone = |_| io::Error::other("the thread that starts processes has ended");
    requests.send(Request { command, runtime: Handle::current(), reply }).map_err(|_| gone(()))?;
    child.await.map_err(|_| gone(()))?
}

fn serve(requests: mpsc::Receiver<Request>) {
    for mut request in requests {
        let _runtime = request.runtime.enter();
        let child = request.command.spawn();
        if let Some(group) = child.as_ref().ok().and_then(Child::id).filter(|_| has_watchdog()) {
            watchdog::watch(group);
        }
        // If nobody waits any more the child is dropped, which ends it.
        let _ = request.reply.send(child);
    }
}

/// Ends a process with everything it has started in its group.
pub(crate) fn kill_group(process_id: u32) {
    kill_process_group_of(process_id);
    watchdog::forget(process_id);
}

/// A watchdog is this executable, started anew.
fn has_watchdog() -> bool {
    matches!(Launcher::detect(), Launcher::ReExec)
}

pub(crate) fn kill_process_group_of(process_id: u32) {
    if let Some(group) = i32::try_from(process_id).ok().and_then(Pid::from_raw) {
        // No such group: it has ended by itself, which is what was wanted.
        let _ = kill_process_group(group, Signal::KILL);
    }
}
