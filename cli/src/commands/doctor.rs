//! `baton doctor`: what baton needs on this machine; and the repair of a data folder.

use std::io::{Seek, SeekFrom, Write};
use std::time::Instant;

use owo_colors::OwoColorize;
use serde_json::json;

use crate::args::DoctorArgs;
use crate::client::Client;
use crate::commands::{block_on, data_folder, doctor_cluster};
use crate::exit::{CliError, CliResult, Exit};

pub(crate) fn run(args: &DoctorArgs, endpoint: &str) -> CliResult {
    match (&args.repair, &args.data_dir) {
        (Some(folder), _) => data_folder::repair(folder, args.accept_loss),
        (None, Some(folder)) => data_folder::inspect(folder),
        (None, None) => check(args, endpoint),
    }
}

fn check(args: &DoctorArgs, endpoint: &str) -> CliResult {
    let server = block_on(async { Client::new(endpoint)?.call("ListStateMachines", json!({})).await });
    let step = match &server {
        Err(CliError { message, next_step, .. }) => {
            format!("{message}; {}", next_step.as_deref().unwrap_or("start one with `baton dev DIR`"))
        }
        Ok(_) => String::new(),
    };
    let mut good = say(server.is_ok(), &format!("a server answers at {endpoint}"), &step);
    for (interpreter, runtime) in [("python3", "Python functions"), ("node", "Node functions")] {
        let found = std::process::Command::new(interpreter).arg("--version").output();
        let version = found.as_ref().map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
        say(
            found.is_ok(),
            &format!("{runtime} can run {version}"),
            &format!("install {interpreter}, or keep such functions on another worker"),
        );
    }
    good &= prefix(endpoint);
    let flush = flush_microseconds();
    good &= say(flush.is_some(), &format!("fdatasync takes {} µs here", flush.unwrap_or_default()), "the current folder is not writable");
    good &= doctor_cluster::check(args)?;
    if good { Ok(()) } else { Err(CliError::silent(Exit::Failed)) }
}

/// SDKs put `sync-` before the host of StartSyncExecution and TestState.
fn prefix(endpoint: &str) -> bool {
    let host = endpoint.trim_start_matches("http://").trim_start_matches("https://").split([':', '/']).next().unwrap_or_default();
    let switched_off = std::env::var("AWS_DISABLE_HOST_PREFIX_INJECTION").is_ok_and(|value| value == "true");
    let resolves = std::net::ToSocketAddrs::to_socket_addrs(&(format!("sync-{host}").as_str(), 80)).is_ok();
    let step = "eval \"$(baton env)\" switches the prefix off for the aws CLI and boto3; for other SDKs add `127.0.0.1 sync-localhost` to /etc/hosts and use localhost";
    say(switched_off || resolves, &format!("the host prefix of StartSyncExecution and TestState reaches sync-{host}"), step)
}

/// Median of a few flushes of an overwritten file in the current folder.
fn flush_microseconds() -> Option<u128> {
    let mut file = tempfile::tempfile_in(".").ok()?;
    file.write_all(&[0; 64 * 1024]).ok()?;
    file.sync_all().ok()?;
    let mut times: Vec<_> = (0..31)
        .filter_map(|_| {
            file.seek(SeekFrom::Start(0)).ok()?;
            file.write_all(&[1; 4096]).ok()?;
            let start = Instant::now();
            file.sync_data().ok()?;
            Some(start.elapsed().as_micros())
        })
        .collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

pub(super) fn say(good: bool, what: &str, next: &str) -> bool {
    if good {
        anstream::println!("{} {what}", "ok".green());
    } else {
        anstream::println!("{} not so: {what}\n   next: {next}", "!!".red());
    }
    good
}
