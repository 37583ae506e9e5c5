//! Any bytes as the body of any operation: an answer that is JSON and no defect of ours, never a crash.
#![no_main]

use std::cell::RefCell;
use std::time::Duration;

use axum::body::Body;
use baton_coordinator::api::Operation;
use baton_coordinator::server::{Server, ServerConfig};
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::Runtime;

const CREATE: &str = r#"{"name":"m","roleArn":"arn:aws:iam::123456789012:role/r","definition":"{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"End\":true}}}"}"#;
/// A server that has taken this many requests is replaced, so that what it was made to keep does not pile up.
const REQUESTS_MAX: usize = 20_000;

struct Subject {
    runtime: Runtime,
    server: Server,
    requests: usize,
}

thread_local! {
    static SUBJECT: RefCell<Option<Subject>> = const { RefCell::new(None) };
}

impl Subject {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let config = ServerConfig { listen: ([127, 0, 0, 1], 0).into(), ..ServerConfig::default() };
        let server = runtime.block_on(Server::start(config)).expect("the server starts");
        let subject = Self { runtime, server, requests: 0 };
        subject.call(Operation::CreateStateMachine, CREATE.as_bytes());
        subject
    }

    fn call(&self, operation: Operation, body: &[u8]) {
        let request = http::Request::post("/").header("x-amz-target", format!("AWSStepFunctions.{}", operation.name()));
        let request = request.body(Body::from(body.to_vec())).expect("a request");
        self.runtime.block_on(async {
            // GetActivityTask of an activity that is there waits for a task.
            let Ok(response) = tokio::time::timeout(Duration::from_millis(20), self.server.api().handle(request)).await else { return };
            assert!(response.status().as_u16() <= 413, "{operation:?} answered {}", response.status());
            let answer = response.into_body().collect().await.expect("the body is whole").to_bytes();
            serde_json::from_slice::<serde_json::Value>(&answer).expect("the answer is JSON");
        });
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((operation, body)) = data.split_first() else { return };
    let operation = Operation::ALL[usize::from(*operation) % Operation::ALL.len()];
    SUBJECT.with_borrow_mut(|subject| {
        if subject.as_ref().is_some_and(|subject| subject.requests >= REQUESTS_MAX) {
            let Subject { runtime, server, .. } = subject.take().expect("there is one");
            runtime.block_on(server.shutdown());
        }
        let subject = subject.get_or_insert_with(Subject::new);
        subject.requests += 1;
        subject.call(operation, body);
    });
});
