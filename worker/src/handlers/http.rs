//! `http`: an endpoint with Lambda's invoke wire format. The payload is POSTed; the header `X-Amz-Function-Error` marks an answer that is an
//! error payload. Failures of the call itself get the names that Step Functions gives them.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Semaphore;

use super::payload;
use crate::functions::Function;
use crate::invocation::{Completion, FunctionError, Invocation};

/// An endpoint and the connections kept to it.
pub(crate) struct Http {
    url: hyper::Uri,
    function: Arc<Function>,
    client: Client<HttpConnector, Full<Bytes>>,
    slots: Semaphore,
}

impl Http {
    pub(super) fn new(url: &str, function: Arc<Function>) -> Self {
        let slots = Semaphore::new(function.concurrency as usize);
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { url: url.parse().expect("the function table holds only URLs that parse"), function, client, slots }
    }

    pub(super) async fn invoke(self: Arc<Self>, invocation: Invocation) -> Completion {
        let _slot = self.slots.acquire().await.expect("the slots are never closed");
        let timeout = self.function.timeout;
        match tokio::time::timeout(timeout, self.call(&invocation)).await {
            Ok(result) => result.into(),
            Err(_) => Err(payload::timed_out(invocation.request_id(), timeout)).into(),
        }
    }

    async fn call(&self, invocation: &Invocation) -> Result<Bytes, FunctionError> {
        let unreachable = |reason: String| {
            FunctionError::new("Lambda.SdkClientException", format!("Unable to execute HTTP request: {}: {reason}", self.url))
                .before_handler()
        };
        let response = self.client.request(self.request(invocation)).await.map_err(|error| unreachable(root_cause(&error)))?;
        let (parts, body) = response.into_parts();
        let body =
            Limited::new(body, payload::RESPONSE_BYTES_MAX).collect().await.map_err(|error| match error.is::<LengthLimitError>() {
                true => payload::too_large(),
                false => unreachable(root_cause(&*error)),
            })?;
        answer(&Response::from_parts(parts, ()), body.to_bytes())
    }

    fn request(&self, invocation: &Invocation) -> Request<Full<Bytes>> {
        let mut request =
            Request::post(self.url.clone()).header("content-type", "application/json").header("x-amz-invocation-type", "RequestResponse");
        let traceparent = invocation.traceparent().unwrap_or_default();
        let headers = [
            ("x-amz-client-context", invocation.client_context()),
            ("x-amzn-trace-id", invocation.trace_header()),
            ("traceparent", traceparent.as_str()),
        ];
        for (name, value) in headers {
            if let Some(value) =
                Some(value).filter(|value| !value.is_empty()).and_then(|value| hyper::header::HeaderValue::from_str(value).ok())
            {
                request = request.header(name, value);
            }
        }
        request.body(Full::new(invocation.input().clone())).expect("these headers make a request")
    }
}

fn answer(head: &Response<()>, body: Bytes) -> Result<Bytes, FunctionError> {
    if head.headers().contains_key("x-amz-function-error") {
        return Err(FunctionError::from_payload(&body));
    }
    let name = match head.status() {
        status if status.is_success() => return payload::checked(body),
        StatusCode::NOT_FOUND => "Lambda.ResourceNotFoundException",
        StatusCode::TOO_MANY_REQUESTS => "Lambda.TooManyRequestsException",
        status if status.is_server_error() => "Lambda.ServiceException",
        _ => "Lambda.AWSLambdaException",
    };
    let text = String::from_utf8_lossy(&body);
    Err(FunctionError::new(name, format!("{} (Service: AWSLambda; Status Code: {})", text.trim(), head.status().as_u16())).before_handler())
}

/// The innermost reason: "connection refused" says more than "client error".
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
