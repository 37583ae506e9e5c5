//! To the bus `default` of an EventBridge endpoint, by PutEvents.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::envelope::{DETAIL_TYPE, SOURCE, StatusEvent};
use super::outlet::Queued;
use crate::aws::{CallError, Endpoint, JsonClient, Service};
use crate::sink::{Account, Backoff};

const SERVICE: Service = Service { signing_name: "events", target_prefix: "AWSEvents" };
/// Entries of one call.
const ENTRIES_MAX: usize = 10;
/// Bytes of one call.
const BYTES_MAX: usize = 256 * 1024;
/// What an entry costs beside its detail and its resource: time, source and type.
const ENTRY_BYTES: usize = 14 + SOURCE.len() + DETAIL_TYPE.len();

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PutEvents<'a> {
    entries: Vec<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    /// Unix seconds.
    time: i64,
    source: &'static str,
    resources: [&'a str; 1],
    detail_type: &'static str,
    detail: &'a str,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PutEventsResponse {
    /// In the order of the request.
    entries: Vec<EntryResult>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct EntryResult {
    error_code: Option<String>,
    error_message: Option<String>,
}

/// Puts events until no more will come.
pub(super) async fn run(endpoint: Endpoint, mut events: mpsc::UnboundedReceiver<Queued>, account: Arc<Account>) {
    let client = JsonClient::new(endpoint, SERVICE);
    let mut left_over = None;
    loop {
        let first = match left_over.take() {
            Some(event) => event,
            None => match events.recv().await {
                Some(event) => event,
                None => return,
            },
        };
        let batch = gather(first, &mut events, &mut left_over);
        put(&client, &account, batch).await;
    }
}

/// `first`, and what else is there for the same region and fits into the call.
fn gather(first: Queued, events: &mut mpsc::UnboundedReceiver<Queued>, left_over: &mut Option<Queued>) -> Vec<Queued> {
    let mut bytes = cost(&first.event);
    let mut batch = vec![first];
    while batch.len() < ENTRIES_MAX {
        let Ok(next) = events.try_recv() else { break };
        bytes += cost(&next.event);
        if bytes > BYTES_MAX || next.event.region() != batch[0].event.region() {
            *left_over = Some(next);
            break;
        }
        batch.push(next);
    }
    batch
}

fn cost(event: &StatusEvent) -> usize {
    ENTRY_BYTES + event.execution_arn.len() + event.detail.len()
}

/// Puts a batch; what the bus may take later is put again.
async fn put(client: &JsonClient, account: &Account, mut batch: Vec<Queued>) {
    let mut backoff = Backoff::usual();
    loop {
        let reason = match client.call("PutEvents", batch[0].event.region(), request(&batch)).await {
            Ok(answer) => keep_passing(account, &mut batch, &answer),
            Err(error) if error.is_passing() => error.to_string(),
            Err(error) => return refused(client, account, batch.len(), &error),
        };
        if batch.is_empty() {
            return;
        }
        if !backoff.again().await {
            return account.lost(batch.len() as u64, "not_taken", format_args!("{}: {reason}", client.url()));
        }
    }
}

fn refused(client: &JsonClient, account: &Account, count: usize, error: &CallError) {
    account.lost(count as u64, "rejected", format_args!("{}: {error}", client.url()));
}

/// Leaves those in the batch that may be taken later; answers why the last of them was not.
fn keep_passing(account: &Account, batch: &mut Vec<Queued>, answer: &[u8]) -> String {
    let response: PutEventsResponse = serde_json::from_slice(answer).unwrap_or_default();
    let mut results = response.entries.into_iter();
    let mut reason = String::new();
    batch.retain(|_| {
        let EntryResult { error_code, error_message } = results.next().unwrap_or_default();
        let Some(code) = error_code else {
            account.sent(1);
            return false;
        };
        reason = format!("{code}: {}", error_message.unwrap_or_default());
        let is_passing = code.starts_with("Throttling") || code.starts_with("Internal");
        if !is_passing {
            account.lost(1, "rejected", &reason);
        }
        is_passing
    });
    reason
}

fn request(batch: &[Queued]) -> Bytes {
    let entries = batch.iter().map(|queued| entry_of(&queued.event)).collect();
    Bytes::from(serde_json::to_vec(&PutEvents { entries }).expect("the request has text keys and whole numbers"))
}

fn entry_of(event: &StatusEvent) -> Entry<'_> {
    Entry { time: event.seconds(), source: SOURCE, resources: [&event.execution_arn], detail_type: DETAIL_TYPE, detail: &event.detail }
}
