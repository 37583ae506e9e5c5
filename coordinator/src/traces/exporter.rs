//! Sends spans: as many as are there in one POST, protobuf over HTTP.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use prost::Message;
use tokio::sync::mpsc;

use super::otlp::{ExportTraceServiceRequest, InstrumentationScope, KeyValue, Resource, ResourceSpans, ScopeSpans, Span};
use crate::aws::{Answer, Call, Endpoint, NoAnswer};
use crate::sink::{Account, Backoff, Held};

/// Spans of one request.
const SPANS_MAX: usize = 512;
/// How long others are waited for.
const GATHER: Duration = Duration::from_millis(200);
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Answers say little.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Spans that end together.
pub(super) struct Queued {
    pub(super) spans: Vec<Span>,
    pub(super) _held: Held,
}

/// Where spans go, and in whose name.
pub(super) struct Exporter {
    pub(super) endpoint: Endpoint,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) resource: Vec<KeyValue>,
}

impl Exporter {
    /// Sends spans until the server ends, and then what is there.
    pub(super) async fn run(self, mut queue: mpsc::UnboundedReceiver<Queued>, account: Arc<Account>) {
        loop {
            let first = tokio::select! {
                biased;
                first = queue.recv() => first,
                () = account.closing() => None,
            };
            let Some(first) = first else { return };
            let mut batch = vec![first];
            let gathered = tokio::time::sleep(GATHER);
            tokio::pin!(gathered);
            while batch.iter().map(|queued| queued.spans.len()).sum::<usize>() < SPANS_MAX {
                tokio::select! {
                    next = queue.recv() => match next {
                        Some(next) => batch.push(next),
                        None => break,
                    },
                    () = &mut gathered => break,
                    () = account.closing() => break,
                }
            }
            self.send(batch, &account).await;
        }
    }

    /// Tries until the collector says something final.
    async fn send(&self, batch: Vec<Queued>, account: &Account) {
        // Each step's spans are one item of the account.
        let count = batch.len() as u64;
        let body = Bytes::from(self.request(batch).encode_to_vec());
        let mut backoff = Backoff::usual();
        loop {
            let answer = self.endpoint.send(self.call(body.clone())).await.map(|Answer { status, .. }| status);
            match answer {
                Ok(status) if status.is_success() => return account.sent(count),
                Ok(status) if !is_passing(status) => {
                    return account.lost(count, "rejected", format_args!("{} answers {status}", self.endpoint.url()));
                }
                Ok(_) | Err(_) if backoff.again().await => {}
                Ok(status) => return account.lost(count, "not_taken", status),
                Err(NoAnswer(reason)) => return account.lost(count, "not_taken", reason),
            }
        }
    }

    fn request(&self, batch: Vec<Queued>) -> ExportTraceServiceRequest {
        let spans = batch.into_iter().flat_map(|queued| queued.spans).collect();
        let scope = InstrumentationScope { name: "baton".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans }];
        let resource = Some(Resource { attributes: self.resource.clone() });
        ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { resource, scope_spans }] }
    }

    fn call(&self, body: Bytes) -> Call<'static> {
        let mut headers = self.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        Call { path: self.path.clone(), headers, body, service: None, region: "", timeout: TIMEOUT, answer_bytes_max: ANSWER_BYTES_MAX }
    }
}

/// Those that OTLP says may be sent again.
fn is_passing(status: StatusCode) -> bool {
    [StatusCode::TOO_MANY_REQUESTS, StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT].contains(&status)
}
