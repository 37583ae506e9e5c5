//! `baton exec`: executions of a running server.

mod describe;
mod history;
pub(crate) use history::details;
mod list;
mod redrive;
pub(super) mod resolve;
mod start;
mod stop;
mod watch;

use crate::args::ExecCommand;
use crate::client::Client;
use crate::commands::block_on;
use crate::exit::{CliError, CliResult, Exit};

pub(crate) use redrive::run as redrive;
pub(crate) use watch::{AtInterrupt, follow};

pub(crate) fn run(command: ExecCommand, endpoint: &str) -> CliResult {
    let client = &Client::new(endpoint)?;
    block_on(async {
        match command {
            ExecCommand::Start { common, state_machine, input, name, wait, sync } => {
                start::run(client, &common, &state_machine, &input, name, start::Until { wait, sync }).await
            }
            ExecCommand::List { common, state_machine, map_run, status, limit } => {
                let of = match (state_machine, map_run) {
                    (_, Some(map_run)) => list::Of::MapRun(map_run),
                    (Some(machine), None) => list::Of::StateMachine(machine),
                    (None, None) => list::Of::All,
                };
                list::run(client, &common, of, status, limit).await
            }
            ExecCommand::Describe(one) => describe::run(client, &one).await,
            ExecCommand::History(one) => history::run(client, &one).await,
            ExecCommand::Watch(one) => watch::run(client, &one).await,
            ExecCommand::Redrive { one, client_token, wait } => redrive(client, &one, client_token, wait).await,
            ExecCommand::Stop { one, error, cause } => stop::run(client, &one, error, cause).await,
        }
    })
}

/// The output of an ended execution, or on standard error why there is none.
pub(crate) fn print_end(ended: &serde_json::Value) {
    let part = |member: &str| resolve::text(ended, member);
    match ended["output"].as_str() {
        Some(output) => crate::output::line(output),
        None => {
            let why = [part("error"), part("cause")].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
            crate::output::note(format!("{} {why}", part("status")).trim_end());
        }
    }
}

/// The exit of a command that waited for an execution.
pub(crate) fn exit_of(status: &str) -> CliResult {
    match status {
        "SUCCEEDED" => Ok(()),
        "TIMED_OUT" => Err(CliError::silent(Exit::TimedOut)),
        _ => Err(CliError::silent(Exit::Failed)),
    }
}
