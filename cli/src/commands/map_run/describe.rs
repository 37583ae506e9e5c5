//! `baton map-run describe`.

use serde_json::Value;

use super::find;
use crate::args::{Format, OneMapRun};
use crate::client::Client;
use crate::commands::exec::resolve::text;
use crate::exit::CliResult;
use crate::map_progress::{MapProgress, grouped};
use crate::output;

pub(super) async fn run(client: &Client, one: &OneMapRun) -> CliResult {
    let run = find(client, &one.map_run).await?;
    match one.common.output {
        Format::Json => output::json(&run),
        Format::Table => print(&run),
    }
    Ok(())
}

fn print(run: &Value) {
    output::fields(&[
        ("status", output::status(&text(run, "status"))),
        ("arn", text(run, "mapRunArn")),
        ("execution", text(run, "executionArn")),
        ("started", output::time(&run["startDate"])),
        ("stopped", output::time(&run["stopDate"])),
        ("redriven", redriven(run)),
        ("progress", summary(run)),
        ("items", counts(&run["itemCounts"])),
        ("executions", counts(&run["executionCounts"])),
        ("max concurrency", limit(&run["maxConcurrency"], "no limit")),
        ("tolerated", tolerated(run)),
    ]);
    let failed = ["failed", "timedOut", "aborted"].iter().any(|name| run["itemCounts"][*name].as_u64().is_some_and(|count| count > 0));
    if failed {
        output::note(&format!("`baton map-run failures {}` shows what has not succeeded", text(run, "mapRunArn")));
    }
}

/// How far it is, in one line.
pub(crate) fn summary(run: &Value) -> String {
    let mut progress = MapProgress::new("");
    progress.update(run, 0);
    progress.line()
}

/// Counters that are not zero.
fn counts(counts: &Value) -> String {
    const NAMES: [(&str, &str); 10] = [
        ("total", "in all"),
        ("pending", "pending"),
        ("running", "running"),
        ("succeeded", "succeeded"),
        ("failed", "failed"),
        ("timedOut", "timed out"),
        ("aborted", "aborted"),
        ("pendingRedrive", "to be redriven"),
        ("failuresNotRedrivable", "not redrivable"),
        ("resultsWritten", "results written"),
    ];
    let told = NAMES.into_iter().map(|(member, name)| (counts[member].as_u64().unwrap_or_default(), name));
    let told = told.filter(|(count, name)| *count > 0 || *name == "in all");
    told.map(|(count, name)| format!("{} {name}", grouped(count))).collect::<Vec<_>>().join(", ")
}

fn limit(value: &Value, none: &str) -> String {
    match value.as_u64() {
        None | Some(0) => none.to_owned(),
        Some(some) => grouped(some),
    }
}

fn tolerated(run: &Value) -> String {
    let count = run["toleratedFailureCount"].as_u64().filter(|count| *count > 0).map(|count| format!("{} failures", grouped(count)));
    let percentage = run["toleratedFailurePercentage"].as_f64().filter(|share| *share > 0.0).map(|share| format!("{share} % of the items"));
    let told: Vec<_> = count.into_iter().chain(percentage).collect();
    if told.is_empty() { "no failure".to_owned() } else { told.join(", ") }
}

fn redriven(run: &Value) -> String {
    match run["redriveCount"].as_u64().unwrap_or_default() {
        0 => String::new(),
        1 => output::time(&run["redriveDate"]),
        count => format!("{count} times, last {}", output::time(&run["redriveDate"])),
    }
}
