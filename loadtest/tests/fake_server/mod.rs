//! A small Step Functions endpoint in memory, with mistakes on demand. Every execution ends as soon as it has started.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::RwLock;

const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:m";

/// What goes wrong. A period of n means every nth start; 0 means never.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mistakes {
    /// The start is refused with ThrottlingException.
    pub(crate) throttle_period: u64,
    /// The start is carried out, and the connection breaks instead of an answer.
    pub(crate) lost_answer_period: u64,
    /// The output is not what the machine would give.
    pub(crate) wrong_output_period: u64,
    /// An id is missing from every history.
    pub(crate) history_gap: bool,
    /// At the start with this number, all answers wait for so long, once.
    pub(crate) stall: Option<(u64, Duration)>,
}

/// Serves until its runtime ends.
#[derive(Debug)]
pub(crate) struct FakeServer {
    pub(crate) url: String,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    mistakes: Mistakes,
    starts: AtomicU64,
    stall: RwLock<()>,
    executions: Mutex<BTreeMap<String, Execution>>,
}

#[derive(Debug)]
struct Execution {
    input: String,
    wrong: bool,
    started: f64,
}

impl FakeServer {
    pub(crate) async fn start(mistakes: Mistakes) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(State { mistakes, starts: AtomicU64::new(0), stall: RwLock::new(()), executions: Mutex::default() });
        tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { url, state }
    }

    pub(crate) fn execution_count(&self) -> u64 {
        self.state.executions().len() as u64
    }

    pub(crate) fn wrong_count(&self) -> u64 {
        self.state.executions().values().filter(|execution| execution.wrong).count() as u64
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    loop {
        let (stream, _) = listener.accept().await.expect("connections come in");
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&state), request));
            // A client that goes away and an answer that is to be lost both end the connection with an error.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

type Answer = Result<Response<Full<Bytes>>, Lost>;

/// Ends the connection without an answer.
#[derive(Debug)]
struct Lost;

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the answer is lost")
    }
}

impl std::error::Error for Lost {}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let target = request.headers().get("x-amz-target").map(|target| target.to_str().expect("a plain target").to_owned());
    let body = request.into_body().collect().await.expect("a whole body").to_bytes();
    drop(state.stall.read().await);
    if let Some(rest) = path.strip_prefix("/api/executions/") {
        return state.describe(&rest.strip_suffix("/wait").expect("only waits are asked for").replace("%3A", ":"));
    }
    let body: Value = serde_json::from_slice(&body).expect("a JSON body");
    let text = |field: &str| body[field].as_str().unwrap_or_default();
    match target.expect("a target").strip_prefix("AWSStepFunctions.").expect("an operation of the service") {
        "CreateStateMachine" => ok(&json!({"stateMachineArn": MACHINE, "creationDate": 1.0})),
        "StartExecution" => state.start(text("name"), text("input")).await,
        "DescribeExecution" => state.describe(text("executionArn")),
        "GetExecutionHistory" => state.history(text("executionArn"), body["nextToken"].as_str()),
        other => panic!("{other} is not expected"),
    }
}

impl State {
    fn executions(&self) -> MutexGuard<'_, BTreeMap<String, Execution>> {
        self.executions.lock().expect("no test panics while it holds the lock")
    }

    async fn start(&self, name: &str, input: &str) -> Answer {
        let count = self.starts.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some((_, stall)) = self.mistakes.stall.filter(|(at, _)| *at == count) {
            let _all_wait = self.stall.write().await;
            tokio::time::sleep(stall).await;
        }
        let every = |period: u64| period != 0 && count.is_multiple_of(period);
        if every(self.mistakes.throttle_period) {
            return error("ThrottlingException", "Rate exceeded");
        }
        let execution = Execution { input: input.to_owned(), wrong: every(self.mistakes.wrong_output_period), started: now() };
        if self.executions().contains_key(name) {
            return error("ExecutionAlreadyExists", "Execution Already Exists");
        }
        self.executions().insert(name.to_owned(), execution);
        if every(self.mistakes.lost_answer_period) {
            return Err(Lost);
        }
        ok(&json!({"executionArn": format!("{}:{name}", MACHINE.replace("stateMachine", "execution")), "startDate": now()}))
    }

    fn describe(&self, arn: &str) -> Answer {
        let executions = self.executions();
        let Some(execution) = arn.rsplit(':').next().and_then(|name| executions.get(name)) else {
            return error("ExecutionDoesNotExist", arn);
        };
        let output = if execution.wrong { "{\"n\": 4}" } else { "{\"n\": 5}" };
        let (start, stop) = (execution.started, execution.started + 0.001);
        ok(
            &json!({"executionArn": arn, "status": "SUCCEEDED", "startDate": start, "stopDate": stop, "input": execution.input, "output": output}),
        )
    }

    /// Two pages of two events.
    fn history(&self, arn: &str, token: Option<&str>) -> Answer {
        let event = |id: u64, kind: &str| json!({"id": id, "previousEventId": id - 1, "type": kind, "timestamp": now()});
        let gap = u64::from(self.mistakes.history_gap);
        match token {
            None => ok(&json!({"events": [event(1, "ExecutionStarted"), event(2, "PassStateEntered")], "nextToken": arn})),
            Some(token) if token == arn => {
                ok(&json!({"events": [event(3 + gap, "PassStateExited"), event(4 + gap, "ExecutionSucceeded")]}))
            }
            Some(token) => panic!("{token} was never given out"),
        }
    }
}

/// Epoch seconds with milliseconds, as AWS gives them.
fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    (now.as_secs_f64() * 1e3).round() / 1e3
}

fn ok(body: &Value) -> Answer {
    Ok(Response::new(Full::from(body.to_string())))
}

fn error(code: &str, message: &str) -> Answer {
    let body = json!({"__type": format!("com.amazonaws.swf.service.v2.model#{code}"), "message": message});
    Ok(Response::builder().status(400).body(Full::from(body.to_string())).expect("a valid answer"))
}
