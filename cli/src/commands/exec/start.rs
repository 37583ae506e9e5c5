//! `baton exec start`.

use serde_json::json;

use super::{exit_of, print_end, resolve, watch};
use crate::args::{CommonArgs, Format};
use crate::client::Client;
use crate::commands::input;
use crate::exit::CliResult;
use crate::output;

pub(crate) async fn run(client: &Client, common: &CommonArgs, machine: &str, given: &str, name: Option<String>, wait: bool) -> CliResult {
    let input = input::read(given)?;
    let mut body = json!({ "stateMachineArn": resolve::state_machine(client, machine).await?, "input": input });
    if let Some(name) = name {
        body["name"] = json!(name);
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
        watch::follow(client, &arn).await?;
    }
    let ended = client.wait(&arn).await?;
    match common.output {
        Format::Json => output::json(&ended),
        Format::Table => print_end(&ended),
    }
    exit_of(&resolve::text(&ended, "status"))
}
