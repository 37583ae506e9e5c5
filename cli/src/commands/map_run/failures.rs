//! `baton map-run failures`: the children that have not succeeded, and why.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use futures_util::stream;
use serde_json::{Value, json};

use super::find;
use crate::args::{Format, OneMapRun, Unsuccessful};
use crate::client::Client;
use crate::commands::exec::resolve::text;
use crate::exit::{CliError, CliResult, Exit};
use crate::output;
use crate::tree::{head_of, shortened};

/// Characters of an input in a table; `--output json` has all of it.
const INPUT_LEN: usize = 120;
/// Descriptions that are asked for at once.
const AT_ONCE: usize = 16;

pub(super) async fn run(client: &Client, one: &OneMapRun, only: Option<Unsuccessful>, limit: usize, page: Option<String>) -> CliResult {
    let run = find(client, &one.map_run).await?;
    let arn = text(&run, "mapRunArn");
    let statuses: Vec<_> = only.map_or_else(|| vec![Unsuccessful::Failed, Unsuccessful::TimedOut], |only| vec![only]);
    let (children, next) = page_of(client, &arn, &statuses, limit, page.as_deref()).await?;
    let failures: Vec<_> = stream::iter(children).map(|child| described(client, child)).buffered(AT_ONCE).collect().await;
    let failures = failures.into_iter().collect::<CliResult<Vec<_>>>()?;
    match one.common.output {
        Format::Json => output::json(&with_next(json!({ "executions": failures }), next.as_deref())),
        Format::Table if failures.is_empty() => output::note(&none_of(&run, &statuses)),
        Format::Table => output::table(&["STATUS", "NAME", "ERROR", "CAUSE", "INPUT"], failures.iter().map(row).collect()),
    }
    if one.common.output == Format::Table && failures.len() > 1 {
        output::note(&by_error(&failures));
    }
    if let (Format::Table, Some(sentence)) =
        (one.common.output, made_good(&run, failures.len()).filter(|_| only.is_none() && next.is_none()))
    {
        output::note(&sentence);
    }
    if let (Format::Table, Some(next)) = (one.common.output, &next) {
        output::note(&format!("there are more: add `--page {next}`"));
    }
    Ok(())
}

/// Up to `limit` children of these statuses, one status after the other, and where the next page begins: `STATUS:TOKEN`.
async fn page_of(
    client: &Client,
    arn: &str,
    statuses: &[Unsuccessful],
    limit: usize,
    page: Option<&str>,
) -> CliResult<(Vec<Value>, Option<String>)> {
    let (first, mut token) = match page {
        Some(page) => place(statuses, page)?,
        None => (0, None),
    };
    let mut found = Vec::new();
    for status in &statuses[first..] {
        loop {
            let name = status.name();
            if found.len() == limit {
                if token.is_none() && !any(client, arn, name).await? {
                    break;
                }
                return Ok((found, Some(format!("{name}:{}", token.unwrap_or_default()))));
            }
            let mut body = json!({ "mapRunArn": arn, "statusFilter": name, "maxResults": (limit - found.len()).min(1_000) });
            if let Some(token) = token.take().filter(|token| !token.is_empty()) {
                body["nextToken"] = json!(token);
            }
            let mut answer = client.call("ListExecutions", body).await?;
            if let Value::Array(children) = answer["executions"].take() {
                found.extend(children);
            }
            token = answer["nextToken"].as_str().map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
    }
    Ok((found, None))
}

/// Whether there are children of this status, so that no page is offered that has nothing on it.
async fn any(client: &Client, arn: &str, status: &str) -> CliResult<bool> {
    let answer = client.call("ListExecutions", json!({ "mapRunArn": arn, "statusFilter": status, "maxResults": 1 })).await?;
    Ok(answer["executions"].as_array().is_some_and(|found| !found.is_empty()))
}

fn place(statuses: &[Unsuccessful], page: &str) -> CliResult<(usize, Option<String>)> {
    let (status, token) = page.split_once(':').unwrap_or((page, ""));
    let first = statuses.iter().position(|known| known.name() == status);
    let first = first.ok_or_else(|| {
        CliError::new(Exit::Usage, format!("{page} is no page of these failures")).next("leave --page out for the first page")
    })?;
    Ok((first, Some(token.to_owned())))
}

/// DescribeExecution's answer: the list does not tell why.
async fn described(client: &Client, child: Value) -> CliResult<Value> {
    client.call("DescribeExecution", json!({ "executionArn": child["executionArn"] })).await
}

fn row(child: &Value) -> Vec<String> {
    let part = |name: &str| text(child, name);
    vec![part("status"), part("name"), part("error"), shortened(&part("cause")), head_of(&part("input"), INPUT_LEN)]
}

/// How many there are of each error, the most frequent first: `40 KeyError, 2 States.Timeout`.
fn by_error(failures: &[Value]) -> String {
    let mut counts = BTreeMap::<String, usize>::new();
    for failure in failures {
        let error = Some(text(failure, "error")).filter(|error| !error.is_empty()).unwrap_or_else(|| text(failure, "status"));
        *counts.entry(error).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.iter().map(|(error, count)| format!("{count} {error}")).collect::<Vec<_>>().join(", ")
}

/// A redrive begins an Express child anew, as another execution: the one that had failed stays in the list.
fn made_good(run: &Value, listed: usize) -> Option<String> {
    let count = |status: &str| run["executionCounts"][status].as_u64().unwrap_or_default();
    let left = count("failed") + count("timedOut");
    let is_redriven = run["redriveCount"].as_u64().unwrap_or_default() > 0;
    (is_redriven && listed as u64 > left).then(|| format!("the run has been redriven since: {left} of its children count as failed now"))
}

fn with_next(mut answer: Value, next: Option<&str>) -> Value {
    if let Some(next) = next {
        answer["nextPage"] = json!(next);
    }
    answer
}

fn none_of(run: &Value, statuses: &[Unsuccessful]) -> String {
    let aborted = run["itemCounts"]["aborted"].as_u64().unwrap_or_default();
    if aborted > 0 && !statuses.contains(&Unsuccessful::Aborted) {
        return "nothing has failed; `--status aborted` shows what was aborted".to_owned();
    }
    let names: Vec<_> = statuses.iter().map(|status| status.name()).collect();
    format!("no child is {}", names.join(" or "))
}
