//! What the trace of a caller's request comes to: over the API, through a real broker, to the handler.

use std::sync::Arc;
use std::time::Duration;

use baton_coordinator::server::ServerConfig;
use baton_local_services::RabbitMq;
use baton_proto::trace::TraceContext;
use baton_task_queue::{Offer, RabbitMqQueue, RabbitMqSettings, TaskQueue};
use baton_worker::{Bytes, CancellationToken, Worker};
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::*;

const TRACE_ID: u128 = 0x5759_e988_bd86_2e3f_e1be_46a9_9427_2793;
const TRACEPARENT: &str = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
/// Names no span.
const XRAY: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1";

/// Starts an execution as a caller does who traces it.
async fn begin_traced(server: &TestServer, machine: &str, header: (&str, &str)) -> String {
    let request = Request::post("/")
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "AWSStepFunctions.StartExecution")
        .header(header.0, header.1);
    let body = json!({"stateMachineArn": machine}).to_string();
    let (status, body) = server.send(request.body(Full::from(body)).expect("a request")).await;
    assert_eq!(status, http::StatusCode::OK, "{body:?}");
    text(&serde_json::from_slice(&body).expect("answers are JSON"), "executionArn")
}

/// The next offer, which goes back.
async fn look_at_offer(broker: &RabbitMqQueue, queue: &str) -> Offer {
    let looked = async {
        let mut consumer = loop {
            match broker.consume(queue, 1).await {
                Ok(consumer) => break consumer,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        let mut delivery = consumer.next().await.expect("the broker is there");
        delivery.offers.pop().expect("a message has an offer")
    };
    tokio::time::timeout(Duration::from_secs(30), looked).await.expect("the task is offered")
}

/// A worker until it is stopped: one that still drains could take the next offer.
struct Serving {
    stop: CancellationToken,
    ended: JoinHandle<()>,
}

impl Serving {
    async fn stop(self) {
        self.stop.cancel();
        self.ended.await.expect("the worker ends");
    }
}

/// Whose handler answers with the trace that it is part of.
async fn worker(server: &TestServer, broker: Arc<dyn TaskQueue>) -> Serving {
    let url = format!("http://{}", server.address());
    let worker = Worker::builder().coordinator([&*url]).queue(broker).function("f", 1, |invocation| {
        let seen = json!({"xray": invocation.trace_header(), "w3c": invocation.traceparent()}).to_string();
        async move { Ok(Bytes::from(seen)) }
    });
    let (worker, stop) = (worker.build().expect("a worker"), CancellationToken::new());
    let handle = worker.handle();
    let ended = tokio::spawn(worker.run(stop.clone()));
    tokio::time::timeout(Duration::from_secs(30), handle.ready()).await.expect("the worker is let in");
    Serving { stop, ended }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_was_offered_its_task_by_the_broker_is_part_of_the_callers_trace() {
    let service = RabbitMq::start().expect("rabbitmq-server is installed (scripts/services.sh)");
    let settings = RabbitMqSettings::new(&service.url(), "traces").expect("an address");
    let server = TestServer::configured(ServerConfig { queue: Some(settings.clone()), ..ServerConfig::default() }).await;
    let broker = Arc::new(RabbitMqQueue::start(settings));
    // The function is known once a worker has served it.
    worker(&server, broker.clone()).await.stop().await;
    let machine = "arn:aws:lambda:us-east-1:123456789012:function:f";
    let machine = json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": machine, "End": true}}}).to_string();
    let machine = server.create("m", &machine).await;
    for header in [("traceparent", TRACEPARENT), ("X-Amzn-Trace-Id", XRAY)] {
        let execution = begin_traced(&server, &machine, header).await;
        let offered = look_at_offer(&broker, "lambda:f").await.traceparent;
        let offered = TraceContext::from_traceparent(&offered).unwrap_or_else(|| panic!("an offer says whose part it is, not {offered:?}"));
        assert_eq!((offered.trace_id, offered.is_sampled), (TRACE_ID, Some(true)));

        let serving = worker(&server, broker.clone()).await;
        let end = server.end(&execution).await;
        serving.stop().await;
        let seen: Value = serde_json::from_str(&text(&end, "output")).expect("the handler answers in JSON");
        let handled = TraceContext::from_xray(&text(&seen, "xray")).expect("the handler is part of a trace");
        assert_eq!((handled.trace_id, handled.is_sampled), (TRACE_ID, Some(true)), "{seen}");
    }
    server.stop().await;
}
