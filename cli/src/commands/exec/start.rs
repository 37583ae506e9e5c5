//! `baton exec start`.

use serde_json::{Value, json};

use super::{exit_of, print_end, resolve, watch};
use crate::args::{CommonArgs, Format};
use crate::client::Client;
use crate::commands::input;
use crate::exit::CliResult;
use crate::output;

/// Whether the execution's end is waited for, and how.
#[derive(Clone, Copy)]
pub(crate) struct Until {
    /// `--wait`
    pub(crate) wait: bool,
    /// `--sync`
    pub(crate) sync: bool,
}

pub(crate) async fn run(
    client: &Client,
    common: &CommonArgs,
    machine: &str,
    given: &str,
    name: Option<String>,
    Until { wait, sync }: Until,
) -> CliResult {
    let input = input::read(given)?;
    let machine = resolve::state_machine(client, machine).await?;
    let mut body = json!({ "stateMachineArn": machine, "input": input });
    if let Some(name) = name {
        body["name"] = json!(name);
    }
    // An Express execution that was started without waiting cannot be waited for afterwards.
    if sync || (wait && is_express(client, &machine).await?) {
        let ended = client.call("StartSyncExecution", body).await?;
        return told(common, &ended);
    }
    let started = client.call("StartExecution", body).await?;
    let arn = resolve::text(&started, "executionArn");
    if !wait {
        match common.output {
            Format::Json => output::json(&started),
            Format::Table => crate::output::line(&arn),
        }
        return Ok(());
    }
    if common.output == Format::Table {
        watch::follow(client, &arn, watch::AtInterrupt::Detach).await?;
    }
    told(common, &client.wait(&arn).await?)
}

async fn is_express(client: &Client, machine: &str) -> CliResult<bool> {
    // A test case belongs to a start, not to the machine; and an alias has no type of its own.
    let machine = machine.split('#').next().unwrap_or(machine);
    let machine = machine.splitn(8, ':').take(7).collect::<Vec<_>>().join(":");
    let described = client.call("DescribeStateMachine", json!({ "stateMachineArn": machine })).await?;
    Ok(described["type"] == "EXPRESS")
}

/// Shows an execution that has ended; the exit tells how.
fn told(common: &CommonArgs, ended: &Value) -> CliResult {
    match common.output {
        Format::Json => output::json(ended),
        Format::Table => print_end(ended),
    }
    exit_of(&resolve::text(ended, "status"))
}
