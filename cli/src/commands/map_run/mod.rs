//! `baton map-run`: Map Runs of a running server.

mod describe;
mod failures;
mod redrive;
mod update;

use serde_json::{Value, json};

use crate::args::MapRunCommand;
use crate::client::Client;
use crate::commands::block_on;
use crate::commands::exec::resolve;
use crate::exit::{CliError, CliResult, Exit};

pub(super) use describe::summary;

pub(crate) fn run(command: MapRunCommand, endpoint: &str) -> CliResult {
    let client = &Client::new(endpoint)?;
    block_on(async {
        match command {
            MapRunCommand::Describe(one) => describe::run(client, &one).await,
            MapRunCommand::Failures { one, status, limit, page } => failures::run(client, &one, status, limit, page).await,
            MapRunCommand::Update { one, limits } => update::run(client, &one, &limits).await,
            MapRunCommand::Redrive { one, wait } => redrive::run(client, &one, wait).await,
        }
    })
}

/// DescribeMapRun's answer for a Map Run that is given by its ARN, or by that or the name of its execution, of which it is the latest.
pub(crate) async fn find(client: &Client, given: &str) -> CliResult<Value> {
    let arn = if given.contains(":mapRun:") { given.to_owned() } else { latest_of(client, given).await? };
    client.call("DescribeMapRun", json!({ "mapRunArn": arn })).await.map_err(|error| match error.exit {
        Exit::NotFound => CliError { next_step: Some("`baton exec describe` names the Map Runs of an execution".to_owned()), ..error },
        _ => error,
    })
}

async fn latest_of(client: &Client, given: &str) -> CliResult<String> {
    let execution = resolve::execution(client, given).await?;
    let runs = client.pages("ListMapRuns", json!({ "executionArn": execution, "maxResults": 1 }), "mapRuns", 1).await?;
    let latest = runs.first().map(|run| resolve::text(run, "mapRunArn"));
    latest.ok_or_else(|| {
        CliError::new(Exit::NotFound, format!("{execution} has no Map Run")).next(
            "only Map states whose ItemProcessor has the mode DISTRIBUTED begin one; `baton exec history` shows what the execution did",
        )
    })
}
