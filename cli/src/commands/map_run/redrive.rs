//! `baton map-run redrive`: what has not succeeded of a Map Run is done again, by redriving the execution that began it.

use serde_json::{Value, json};

use super::find;
use crate::args::{Format, OneExecution, OneMapRun};
use crate::client::Client;
use crate::commands::exec;
use crate::commands::exec::resolve::text;
use crate::exit::{CliError, CliResult, Exit};
use crate::output;

/// Distributed Maps that may be inside of each other, more than there ever are.
const NESTED_MAX: usize = 100;

pub(super) async fn run(client: &Client, one: &OneMapRun, wait: bool) -> CliResult {
    let run = find(client, &one.map_run).await?;
    refuse(&run)?;
    let execution = outermost(client, &run).await?;
    if one.common.output == Format::Table && execution != text(&run, "executionArn") {
        output::note(&format!("the Map Run is inside of another: {execution} is redriven, with everything in it that has not succeeded"));
    }
    let one = OneExecution { common: one.common.clone(), execution };
    exec::redrive(client, &one, None, wait).await
}

/// What is there to do again only its end tells.
fn refuse(run: &Value) -> CliResult {
    let (arn, execution) = (text(run, "mapRunArn"), text(run, "executionArn"));
    match run["status"].as_str() {
        Some("RUNNING") => Err(CliError::new(Exit::Failed, format!("{arn} is RUNNING and cannot be redriven"))
            .next(format!("`baton exec watch {execution}` follows it, `baton exec stop {execution}` ends it"))),
        Some("SUCCEEDED") => Err(CliError::new(Exit::Failed, format!("{arn} is SUCCEEDED and cannot be redriven")).next(format!(
            "failures that were tolerated are no part of a redrive: `baton map-run failures {arn}` shows them, `baton exec start` does all again"
        ))),
        Some(_) | None => Ok(()),
    }
}

/// The execution that users have started: children are not redriven by themselves.
async fn outermost(client: &Client, run: &Value) -> CliResult<String> {
    let mut execution = text(run, "executionArn");
    for _ in 0..NESTED_MAX {
        let described = client.call("DescribeExecution", json!({ "executionArn": execution })).await?;
        let Some(around) = described["mapRunArn"].as_str() else { break };
        execution = text(&client.call("DescribeMapRun", json!({ "mapRunArn": around })).await?, "executionArn");
    }
    Ok(execution)
}
