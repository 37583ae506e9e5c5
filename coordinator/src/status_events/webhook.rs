//! To a webhook: a POST of each event, as EventBridge would hand it to a target.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::sync::mpsc;

use super::outlet::Queued;
use crate::aws::{Answer, Call, Endpoint, NoAnswer};
use crate::sink::{Account, Backoff};

/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What a webhook answers is of no interest beyond its status.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Posts events until no more will come.
pub(super) async fn run(endpoint: Endpoint, mut events: mpsc::UnboundedReceiver<Queued>, account: Arc<Account>) {
    while let Some(queued) = events.recv().await {
        match post(&endpoint, Bytes::from(queued.event.envelope())).await {
            Ok(status) if status.is_success() => account.sent(1),
            Ok(status) => account.lost(1, "rejected", format_args!("{} answers {status}", endpoint.url())),
            Err(NoAnswer(reason)) => account.lost(1, "not_taken", reason),
        }
    }
}

/// Tries until the webhook answers with something final; its last answer otherwise.
async fn post(endpoint: &Endpoint, body: Bytes) -> Result<StatusCode, NoAnswer> {
    let mut backoff = Backoff::usual();
    loop {
        let answer = endpoint.send(call(body.clone())).await.map(|Answer { status, .. }| status);
        let is_final = answer.as_ref().is_ok_and(|status| !status.is_server_error() && *status != StatusCode::TOO_MANY_REQUESTS);
        if is_final || !backoff.again().await {
            return answer;
        }
    }
}

fn call(body: Bytes) -> Call<'static> {
    Call {
        path: String::new(),
        headers: HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]),
        body,
        service: None,
        region: "",
        timeout: TIMEOUT,
        answer_bytes_max: ANSWER_BYTES_MAX,
    }
}
