//! Requests of the AWS API that another member answers, as they came.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use crate::cluster::Unreachable;
use crate::dispatch::{PEER_HEADER, PeerSecret};
use crate::store::Member;

/// A member that takes longer to answer is given up: what was asked may have been done.
const ANSWER_MAX: Duration = Duration::from_secs(5);
const CONNECT_MAX: Duration = Duration::from_secs(1);
/// No answer of the API that is forwarded is larger.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// See the module.
pub(super) struct Forwarding {
    secret: PeerSecret,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Forwarding {
    pub(super) fn new(secret: PeerSecret) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_MAX));
        connector.set_nodelay(true);
        Self { secret, client: Client::builder(TokioExecutor::new()).build(connector) }
    }

    pub(super) async fn send(&self, member: &Arc<Member>, request: Request<Bytes>) -> Result<Response<Bytes>, Unreachable> {
        let (mut parts, body) = request.into_parts();
        parts.uri =
            Uri::try_from(format!("{}/", member.address)).map_err(|error| Unreachable(format!("{}: {error}", member.address).into()))?;
        parts.headers.insert(PEER_HEADER, self.secret.header());
        let answered = async {
            let response = self.client.request(Request::from_parts(parts, Full::new(body))).await.map_err(|error| because(&error))?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| Unreachable(error.to_string().into()))?;
            Ok(Response::from_parts(parts, body.to_bytes()))
        };
        timeout(ANSWER_MAX, answered).await.unwrap_or_else(|_| Err(Unreachable("no answer in time".into())))
    }
}

/// The innermost reason: "connection refused" says more than "client error".
fn because(error: &dyn std::error::Error) -> Unreachable {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    Unreachable(innermost.to_string().into())
}
