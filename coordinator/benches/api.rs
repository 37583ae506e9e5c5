//! What the API costs, without hyper before it: `cargo bench -p baton-coordinator --bench api`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use axum::body::Body;
use baton_coordinator::api::Api;
use baton_coordinator::server::{Server, ServerConfig};
use criterion::{Criterion, criterion_group, criterion_main};
use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:m";
const PASS: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;

fn request(operation: &str, members: &Value) -> Request<Body> {
    Request::post("/")
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", format!("AWSStepFunctions.{operation}"))
        .header("authorization", "AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/states/aws4_request, SignedHeaders=host, Signature=0")
        .body(Body::from(members.to_string()))
        .expect("a request")
}

async fn answer(response: Response<Body>) -> Value {
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    serde_json::from_slice(&body).expect("JSON")
}

/// Time of `count` calls, one after another, requests made before.
async fn time(api: &Api, count: u64, operation: &str, members: impl Fn(u64) -> Value) -> Duration {
    let requests: Vec<_> = (0..count).map(|number| request(operation, &members(number))).collect();
    let begun = Instant::now();
    for request in requests {
        black_box(api.handle(request).await);
    }
    begun.elapsed()
}

fn api(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let config = ServerConfig { listen: ([127, 0, 0, 1], 0).into(), ..ServerConfig::default() };
    let server = runtime.block_on(Server::start(config)).expect("the server starts");
    let create = json!({"name": "m", "definition": PASS, "roleArn": "arn:aws:iam::123456789012:role/r"});
    runtime.block_on(server.api().handle(request("CreateStateMachine", &create)));
    let started = runtime
        .block_on(async { answer(server.api().handle(request("StartExecution", &json!({"stateMachineArn": MACHINE}))).await).await });
    let execution = started["executionArn"].clone();
    let input =
        json!({"orderId": "o-1", "items": [{"sku": "a", "quantity": 2}, {"sku": "b", "quantity": 1}], "note": "x".repeat(700)}).to_string();

    let mut bench = |name: &str, operation: &'static str, members: &dyn Fn(u64) -> Value| {
        c.bench_function(name, |bencher| bencher.iter_custom(|count| runtime.block_on(time(server.api(), count, operation, members))));
    };
    // Everything of a start but the start itself: the name is the last thing that is looked at before the input.
    let refused = json!({"stateMachineArn": MACHINE, "name": "a/b", "input": input});
    bench("StartExecution, refused for its name", "StartExecution", &|_| refused.clone());
    bench(
        "StartExecution, 1 kB of input, over the store in memory",
        "StartExecution",
        &|_| json!({"stateMachineArn": MACHINE, "input": input}),
    );
    bench("DescribeExecution, one that has ended", "DescribeExecution", &|_| json!({"executionArn": execution}));
    bench("DescribeStateMachine", "DescribeStateMachine", &|_| json!({"stateMachineArn": MACHINE}));
    let history = json!({"executionArn": execution});
    bench("GetExecutionHistory, four events", "GetExecutionHistory", &|_| history.clone());
    c.bench_function("JSON text of 1 kB is checked", |bencher| bencher.iter(|| baton_coordinator::json_text::check(black_box(&input))));
}

criterion_group!(benches, api);
criterion_main!(benches);
