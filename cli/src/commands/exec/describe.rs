//! `baton exec describe`.

use serde_json::{Value, json};

use super::resolve;
use crate::args::{Format, OneExecution};
use crate::client::Client;
use crate::commands::map_run;
use crate::exit::CliResult;
use crate::output;

/// Map Runs that are shown.
const MAP_RUNS_MAX: usize = 10;

pub(crate) async fn run(client: &Client, one: &OneExecution) -> CliResult {
    let arn = resolve::execution(client, &one.execution).await?;
    let description = client.call("DescribeExecution", json!({ "executionArn": arn })).await?;
    if one.common.output == Format::Json {
        output::json(&description);
        return Ok(());
    }
    print(&description);
    print_map_runs(client, &arn).await?;
    if description["status"] == "RUNNING" {
        print_waiting(&client.waiting(&arn).await?);
    }
    Ok(())
}

fn print(description: &Value) {
    let field = |name: &'static str| resolve::text(description, name);
    output::fields(&[
        ("status", output::status(&field("status"))),
        ("name", field("name")),
        ("arn", field("executionArn")),
        ("state machine", field("stateMachineArn")),
        ("started", output::time(&description["startDate"])),
        ("stopped", output::time(&description["stopDate"])),
        ("redriven", redriven(description)),
        ("input", field("input")),
        ("output", field("output")),
        ("error", field("error")),
        ("cause", field("cause")),
    ]);
}

/// One line for each of the latest: how it stands.
async fn print_map_runs(client: &Client, arn: &str) -> CliResult {
    let mut runs =
        client.pages("ListMapRuns", json!({ "executionArn": arn, "maxResults": MAP_RUNS_MAX + 1 }), "mapRuns", MAP_RUNS_MAX + 1).await?;
    let has_more = runs.len() > MAP_RUNS_MAX;
    runs.truncate(MAP_RUNS_MAX);
    for run in runs {
        let described = client.call("DescribeMapRun", json!({ "mapRunArn": run["mapRunArn"] })).await?;
        let status = output::status(&resolve::text(&described, "status"));
        output::line(&format!("map run  {}  {status}  {}", resolve::text(&run, "mapRunArn"), map_run::summary(&described)));
    }
    if has_more {
        output::note("there are more Map Runs: `aws stepfunctions list-map-runs` names them all");
    }
    Ok(())
}

/// How often and when; nothing of an execution that never was.
fn redriven(description: &Value) -> String {
    match description["redriveCount"].as_u64().unwrap_or_default() {
        0 => String::new(),
        1 => output::time(&description["redriveDate"]),
        count => format!("{count} times, last {}", output::time(&description["redriveDate"])),
    }
}

/// One line for each open state: why it waits, and since when.
pub(crate) fn print_waiting(answer: &Value) {
    for waiting in answer["waiting"].as_array().into_iter().flatten() {
        crate::output::line(&format!("waiting  {}: {}", resolve::text(waiting, "state"), resolve::text(waiting, "reason")));
    }
}
