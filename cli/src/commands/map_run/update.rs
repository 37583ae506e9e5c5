//! `baton map-run update`: the limits of a Map Run that is running, changed.

use serde_json::{Value, json};

use super::{describe, find};
use crate::args::{MapRunLimits, OneMapRun};
use crate::client::Client;
use crate::commands::exec::resolve::text;
use crate::exit::CliResult;

pub(super) async fn run(client: &Client, one: &OneMapRun, limits: &MapRunLimits) -> CliResult {
    let arn = text(&find(client, &one.map_run).await?, "mapRunArn");
    client.call("UpdateMapRun", request(&arn, limits)).await?;
    describe::run(client, &OneMapRun { map_run: arn, ..one.clone() }).await
}

/// What is not given is not sent.
fn request(arn: &str, limits: &MapRunLimits) -> Value {
    let mut body = json!({ "mapRunArn": arn });
    let given = [
        ("maxConcurrency", limits.max_concurrency.map(Value::from)),
        ("toleratedFailureCount", limits.tolerated_failure_count.map(Value::from)),
        ("toleratedFailurePercentage", limits.tolerated_failure_percentage.map(Value::from)),
    ];
    for (member, value) in given {
        value.into_iter().for_each(|value| body[member] = value);
    }
    body
}
