//! An endpoint that stands in for an AWS service: it keeps what it is told and answers what a test wants.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;
use tokio::net::TcpListener;

/// A call that has come.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) path: String,
    /// The operation of `x-amz-target`; empty where there is none.
    pub(crate) operation: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

pub(crate) struct FakeAws {
    pub(crate) url: String,
    calls: Receiver<Call>,
}

impl FakeAws {
    /// Answers each call with a status and a JSON text.
    pub(crate) async fn answering(answer: impl Fn(&Call) -> (u16, String) + Send + Sync + 'static) -> Self {
        let (sender, calls) = channel();
        let (sender, answer) = (Arc::new(Mutex::new(sender)), Arc::new(answer));
        let handler = move |uri: Uri, headers: HeaderMap, body: Bytes| {
            let (sender, answer) = (sender.clone(), answer.clone());
            async move {
                let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
                let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
                let body = serde_json::from_slice(&body).expect("calls are JSON");
                let call = Call { path: uri.path().to_owned(), operation, headers, body };
                let (status, text) = answer(&call);
                // A test that has seen enough takes no more.
                let _ = sender.lock().expect("no test panics while it holds this").send(call);
                (StatusCode::from_u16(status).expect("a status"), text)
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
        Self { url, calls }
    }

    /// The next call, which comes within ten seconds.
    pub(crate) async fn next(&self) -> Call {
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            if let Ok(call) = self.calls.try_recv() {
                return call;
            }
            assert!(Instant::now() < end, "no call has come");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What has come and was not looked at.
    pub(crate) fn rest(&self) -> Vec<Call> {
        self.calls.try_iter().collect()
    }
}

/// Takes connections and never answers.
pub(crate) async fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
        }
    });
    url
}
