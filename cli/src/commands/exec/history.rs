//! `baton exec history`.

use serde_json::{Value, json};

use super::resolve;
use crate::args::{Format, OneExecution};
use crate::client::Client;
use crate::exit::CliResult;
use crate::output;

/// Characters of a detail that the table shows at most.
const DETAIL_CHARS_MAX: usize = 200;

pub(crate) async fn run(client: &Client, one: &OneExecution) -> CliResult {
    let arn = resolve::execution(client, &one.execution).await?;
    let body = json!({ "executionArn": arn, "maxResults": 1_000 });
    let events = client.pages("GetExecutionHistory", body, "events", usize::MAX).await?;
    match one.common.output {
        Format::Json => output::json(&json!({ "events": events })),
        Format::Table => output::table(&["ID", "TYPE", "STATE OR RESOURCE", "AFTER", "DETAIL"], rows(&events)),
    }
    Ok(())
}

fn rows(events: &[Value]) -> Vec<Vec<String>> {
    let start = events.first().and_then(|event| event["timestamp"].as_f64()).unwrap_or_default();
    events.iter().map(|event| row(event, start)).collect()
}

fn row(event: &Value, start: f64) -> Vec<String> {
    let details = details(event);
    let of = |names: &[&str]| names.iter().find_map(|name| details.get(*name)?.as_str()).unwrap_or_default().to_owned();
    let after = event["timestamp"].as_f64().unwrap_or(start) - start;
    let detail = match of(&["error"]) {
        error if error.is_empty() => of(&["output", "input", "parameters"]),
        error => format!("{error}: {}", of(&["cause"])),
    };
    vec![
        event["id"].to_string(),
        resolve::text(event, "type"),
        of(&["name", "resource"]),
        output::duration((after * 1000.0) as i64),
        head(&output::one_line(&detail)),
    ]
}

/// A long detail is cut even where no terminal is; `--output json` has it whole.
fn head(detail: &str) -> String {
    let head: String = detail.chars().take(DETAIL_CHARS_MAX).collect();
    if head.len() < detail.len() { head + "…" } else { head }
}

/// The one `…EventDetails` member of an event, or null.
pub(crate) fn details(event: &Value) -> &Value {
    let members = event.as_object().into_iter().flatten();
    members.into_iter().find(|(name, _)| name.ends_with("EventDetails")).map_or(&Value::Null, |(_, details)| details)
}
