//! A server between the tests and moto that does harm when it is told to.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use crate::support::moto;

/// What happens to a request.
pub(crate) enum Harm {
    None,
    /// It is answered with this status and body, and moto never sees it.
    Refuse(u16, &'static str),
    /// moto does it, but the connection breaks after so many bytes of the answer's body.
    CutAfter(usize),
    /// moto does it, and the answer is this status.
    LoseAnswer(u16),
}

type Rule = dyn Fn(&Request<Incoming>) -> Harm + Send + Sync;

/// The address of a server with this rule. It ends with the test's runtime.
pub(crate) async fn faulty(rule: impl Fn(&Request<Incoming>) -> Harm + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let rule: Arc<Rule> = Arc::new(rule);
    moto();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let rule = Arc::clone(&rule);
            let service = service_fn(move |request| answer(Arc::clone(&rule), request));
            // A cut answer ends the connection with an error.
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(connection), service));
        }
    });
    format!("http://{address}")
}

async fn answer(rule: Arc<Rule>, request: Request<Incoming>) -> Result<Response<BoxBody<Bytes, std::io::Error>>, Infallible> {
    let harm = rule(&request);
    if let Harm::Refuse(status, body) = harm {
        return Ok(simple(status, body));
    }
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    parts.uri = format!("{}{path}", moto()).parse().expect("an address");
    let body = Full::new(body.collect().await.expect("a body").to_bytes());
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let (head, body) = client.request(Request::from_parts(parts, body)).await.expect("moto answers").into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    Ok(match harm {
        Harm::LoseAnswer(status) => simple(status, ""),
        Harm::CutAfter(len) => Response::from_parts(head, cut(body.slice(..len.min(body.len())))),
        Harm::None | Harm::Refuse(..) => Response::from_parts(head, whole(body)),
    })
}

fn simple(status: u16, body: &'static str) -> Response<BoxBody<Bytes, std::io::Error>> {
    Response::builder().status(status).body(whole(Bytes::from_static(body.as_bytes()))).expect("an answer")
}

fn whole(body: Bytes) -> BoxBody<Bytes, std::io::Error> {
    Full::new(body).map_err(|never| match never {}).boxed()
}

fn cut(body: Bytes) -> BoxBody<Bytes, std::io::Error> {
    let body = futures_util::stream::once(std::future::ready(Ok(Frame::data(body))));
    let breaks = futures_util::stream::once(async {
        // What has been written before an error is not sent unless there is a moment for it.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        Err(std::io::Error::other("cut"))
    });
    BodyExt::boxed(StreamBody::new(body.chain(breaks)))
}
