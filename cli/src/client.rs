//! A client of the AWS JSON API and of baton's own routes, for the commands that talk to a server.

use std::time::Duration;

use baton_worker::functions::Location;
use futures_util::StreamExt;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::config::client_location;
use crate::exit::{CliError, CliResult, Exit};
use crate::http;

/// Any key is accepted; the scope tells account and region.
fn authorization(key: &str, region: &str) -> String {
    format!("AWS4-HMAC-SHA256 Credential={key}/20260101/{region}/states/aws4_request, SignedHeaders=host, Signature=0")
}

/// How long a server may take to answer.
fn patience(operation: &str) -> Duration {
    match operation {
        // They answer when the execution or the state has ended, which AWS bounds by five minutes.
        "StartSyncExecution" | "TestState" => Duration::from_secs(330),
        _ => Duration::from_secs(30),
    }
}

/// A server, by its URL.
#[derive(Clone)]
pub(crate) struct Client {
    endpoint: String,
    authorization: String,
    http: reqwest::Client,
}

impl Client {
    /// For people: with their key, and the region that a server would have that is started here.
    pub(crate) fn new(endpoint: &str) -> CliResult<Self> {
        let key = std::env::var("AWS_ACCESS_KEY_ID").unwrap_or_else(|_| "baton".into());
        Self::with(endpoint, authorization(&key, &client_location().region))
    }

    /// For a folder's own state machines, whose account and region are known.
    pub(crate) fn of_project(endpoint: &str, location: &Location) -> CliResult<Self> {
        Self::with(endpoint, authorization(&location.account, &location.region))
    }

    fn with(endpoint: &str, authorization: String) -> CliResult<Self> {
        Ok(Self { endpoint: endpoint.trim_end_matches('/').to_owned(), authorization, http: http::client(endpoint)? })
    }

    /// Calls an operation of AWSStepFunctions.
    pub(crate) async fn call(&self, operation: &str, body: Value) -> CliResult<Value> {
        let response = self
            .http
            .post(format!("{}/", self.endpoint))
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AWSStepFunctions.{operation}"))
            .header("authorization", &self.authorization)
            .body(body.to_string())
            .timeout(patience(operation))
            .send()
            .await
            .map_err(|error| self.unreachable(&error))?;
        let ok = response.status().is_success();
        let text = response.text().await.map_err(|error| self.unreachable(&error))?;
        let answer: Value = serde_json::from_str(&text).map_err(|_| self.not_baton(&text))?;
        if ok { Ok(answer) } else { Err(api_error(&answer)) }
    }

    /// Every page of a listing.
    pub(crate) async fn pages(&self, operation: &str, mut body: Value, member: &str, limit: usize) -> CliResult<Vec<Value>> {
        let mut items = Vec::new();
        loop {
            let mut answer = self.call(operation, body.clone()).await?;
            if let Some(Value::Array(page)) = answer.get_mut(member).map(Value::take) {
                items.extend(page);
            }
            match answer.get("nextToken") {
                Some(token) if items.len() < limit => body["nextToken"] = token.clone(),
                _ => break,
            }
        }
        items.truncate(limit);
        Ok(items)
    }

    /// Waits for an execution's end on the server's side, in slices of a minute; DescribeExecution's shape.
    pub(crate) async fn wait(&self, arn: &str) -> CliResult<Value> {
        loop {
            let description = self.get(arn, "wait?seconds=60").await?;
            if description["status"] != "RUNNING" {
                return Ok(description);
            }
        }
    }

    /// What each open state waits for.
    pub(crate) async fn waiting(&self, arn: &str) -> CliResult<Value> {
        self.get(arn, "waiting").await
    }

    async fn get(&self, arn: &str, what: &str) -> CliResult<Value> {
        let response = self.http.get(self.route(arn, what)).send().await.map_err(|error| self.unreachable(&error))?;
        let ok = response.status().is_success();
        let text = response.text().await.map_err(|error| self.unreachable(&error))?;
        let answer: Value = serde_json::from_str(&text).map_err(|_| self.not_baton(&text))?;
        if ok { Ok(answer) } else { Err(api_error(&answer)) }
    }

    /// Streams an execution's history; `seen` is called with each event, until the execution ends.
    pub(crate) async fn watch(&self, arn: &str, mut seen: impl FnMut(Value)) -> CliResult {
        let response = self.http.get(self.route(arn, "watch")).send().await.map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            let text = response.text().await.unwrap_or_default();
            return Err(serde_json::from_str(&text).map_or_else(|_| self.not_baton(&text), |answer| api_error(&answer)));
        }
        let mut chunks = response.bytes_stream();
        let mut pending = Vec::new();
        while let Some(chunk) = chunks.next().await {
            let gone = |_| {
                CliError::new(Exit::Unreachable, format!("the server at {} has gone away", self.endpoint))
                    .next(format!("when it is back: `baton exec watch {arn}`; the execution goes on with it"))
            };
            pending.extend_from_slice(&chunk.map_err(gone)?);
            while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = pending.drain(..=end).collect();
                if let Some(event) = line.strip_prefix(b"data:").and_then(|data| serde_json::from_slice(data).ok()) {
                    seen(event);
                }
            }
        }
        Ok(())
    }

    fn route(&self, arn: &str, what: &str) -> String {
        format!("{}/api/executions/{}/{what}", self.endpoint, utf8_percent_encode(arn, NON_ALPHANUMERIC))
    }

    fn unreachable(&self, error: &reqwest::Error) -> CliError {
        http::unreachable(&self.endpoint, error)
    }

    fn not_baton(&self, text: &str) -> CliError {
        let head: String = text.chars().take(120).collect();
        CliError::new(Exit::Unreachable, format!("{} does not answer as Step Functions does: {head}", self.endpoint))
            .next("check --endpoint and AWS_ENDPOINT_URL_SFN")
    }
}

fn api_error(answer: &Value) -> CliError {
    let name = answer["__type"].as_str().unwrap_or("Error");
    let message = answer["message"].as_str().unwrap_or_default();
    let missing = name.ends_with("DoesNotExist") || name == "ResourceNotFound";
    let exit = if missing { Exit::NotFound } else { Exit::Failed };
    let error = CliError::new(exit, format!("{name}: {message}"));
    if missing { error.next("`baton exec list` shows what there is") } else { error }
}
