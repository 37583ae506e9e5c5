//! A server on a free port and a client that speaks to it as SDKs do.

use baton_coordinator::cluster::Cluster;
use baton_coordinator::server::{Server, ServerConfig, Storage};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/r";
pub(crate) const PASS: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Result":{"x":1},"End":true}}}"#;
/// Ends in its second state, so that its definition differs from [`PASS`].
pub(crate) const SUCCEED: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Succeed"}}}"#;
pub(crate) const WAIT: &str = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":3600,"End":true}}}"#;
pub(crate) const FAIL: &str = r#"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E","Cause":"c"}}}"#;

/// An error of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

pub(crate) struct TestServer {
    server: Server,
    endpoint: String,
    http: Client<HttpConnector, Full<Bytes>>,
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::with(Storage::Memory).await
    }

    pub(crate) async fn with(storage: Storage) -> Self {
        Self::configured(ServerConfig { storage, ..ServerConfig::default() }).await
    }

    /// As this says, but on a free port.
    pub(crate) async fn configured(config: ServerConfig) -> Self {
        let config = ServerConfig { listen: ([127, 0, 0, 1], 0).into(), ..config };
        Self::around(Server::start(config).await.expect("the server starts"))
    }

    pub(crate) fn around(server: Server) -> Self {
        let endpoint = format!("http://{}", server.address());
        Self { server, endpoint, http: Client::builder(TokioExecutor::new()).build_http() }
    }

    pub(crate) async fn stop(self) {
        self.server.shutdown().await;
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// Calls an operation.
    pub(crate) async fn call(&self, operation: &str, members: Value) -> Result<Value, Refused> {
        self.call_as("test", operation, members).await
    }

    /// Calls an operation with this access key.
    pub(crate) async fn call_as(&self, key: &str, operation: &str, members: Value) -> Result<Value, Refused> {
        let request = Self::request(key, operation).body(Full::from(members.to_string())).expect("a request");
        let (status, body) = self.send(request).await;
        let answer: Value = serde_json::from_slice(&body).expect("answers are JSON");
        if status == StatusCode::OK { Ok(answer) } else { Err(refused(status, &answer)) }
    }

    /// The executions that it runs.
    pub(crate) fn cluster(&self) -> &Cluster {
        self.server.cluster()
    }

    /// As [`call`](Self::call), for a task of its own.
    pub(crate) fn call_apart(&self, operation: &str, members: Value) -> impl Future<Output = Result<Value, Refused>> + use<> {
        let mut request = Self::request("test", operation).body(Full::from(members.to_string())).expect("a request");
        *request.uri_mut() = format!("{}/", self.endpoint).parse().expect("a URI");
        let http = self.http.clone();
        async move {
            let response = http.request(request).await.expect("the server answers");
            let status = response.status();
            let body = response.into_body().collect().await.expect("the body arrives").to_bytes();
            let answer: Value = serde_json::from_slice(&body).expect("answers are JSON");
            if status == StatusCode::OK { Ok(answer) } else { Err(refused(status, &answer)) }
        }
    }

    /// What an operation answers that is called with these bytes.
    pub(crate) async fn raw(&self, operation: &str, body: impl Into<Bytes>) -> Result<Value, Refused> {
        let request = Self::request("test", operation).body(Full::new(body.into())).expect("a request");
        let (status, body) = self.send(request).await;
        let answer: Value = serde_json::from_slice(&body).expect("answers are JSON");
        if status == StatusCode::OK { Ok(answer) } else { Err(refused(status, &answer)) }
    }

    fn request(key: &str, operation: &str) -> http::request::Builder {
        let credential = format!("{key}/20261122/us-east-1/states/aws4_request");
        Request::post("/")
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AWSStepFunctions.{operation}"))
            .header("authorization", format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"))
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> (StatusCode, Bytes) {
        let response = self.respond(request).await;
        let status = response.status();
        (status, response.into_body().collect().await.expect("the body arrives").to_bytes())
    }

    pub(crate) async fn respond(&self, mut request: Request<Full<Bytes>>) -> http::Response<hyper::body::Incoming> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = format!("{}{path}", self.endpoint).parse().expect("a URI");
        self.http.request(request).await.expect("the server answers")
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Bytes) {
        let request = Request::builder().method(Method::GET).uri(path).body(Full::default()).expect("a request");
        self.send(request).await
    }

    /// Creates a Standard machine and gives its ARN.
    pub(crate) async fn create(&self, name: &str, definition: &str) -> String {
        let created = self.call("CreateStateMachine", json!({"name": name, "definition": definition, "roleArn": ROLE})).await;
        text(&created.expect("the machine is new"), "stateMachineArn")
    }

    /// Starts an execution and gives its ARN.
    pub(crate) async fn begin(&self, machine: &str) -> String {
        let started = self.call("StartExecution", json!({"stateMachineArn": machine})).await.expect("it starts");
        text(&started, "executionArn")
    }

    /// Waits for an execution's end; DescribeExecution's answer.
    pub(crate) async fn end(&self, execution: &str) -> Value {
        let (status, body) = self.get(&route(execution, "wait?seconds=20")).await;
        assert_eq!(status, StatusCode::OK, "{body:?}");
        let answer: Value = serde_json::from_slice(&body).expect("answers are JSON");
        assert_ne!(answer["status"], "RUNNING", "{answer}");
        answer
    }
}

/// Path of one of the routes beside the API.
pub(crate) fn route(execution: &str, what: &str) -> String {
    format!("/api/executions/{}/{what}", execution.replace(':', "%3A"))
}

fn refused(status: StatusCode, answer: &Value) -> Refused {
    Refused { status: status.as_u16(), code: text(answer, "__type"), message: text(answer, "message") }
}

/// A member that is a text.
pub(crate) fn text(answer: &Value, member: &str) -> String {
    answer[member].as_str().unwrap_or_else(|| panic!("{member} is a text in {answer}")).to_owned()
}

/// The answer was this error.
#[track_caller]
pub(crate) fn assert_refused(answer: Result<Value, Refused>, code: &str, message: &str) {
    let expected = Refused { status: 400, code: code.to_owned(), message: message.to_owned() };
    assert_eq!(answer, Err(expected));
}

/// A date is now, give or take a minute.
#[track_caller]
pub(crate) fn assert_recent(date: &Value) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs_f64();
    let date = date.as_f64().expect("dates are numbers");
    assert!((now - date).abs() < 60.0, "{date}");
}
