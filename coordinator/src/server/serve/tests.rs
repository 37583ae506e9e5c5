//! Connections that say too little, too late or nothing at all.

use std::net::SocketAddr;

use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

const FULL: ConnectionLimits =
    ConnectionLimits { count_max: 1_000, first_request: Duration::from_secs(60), between_requests: Duration::from_secs(60) };
const GET: &str = "GET /quick HTTP/1.1\r\nHost: x\r\n\r\n";
const SLOW: &str = "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n";

struct Running {
    address: SocketAddr,
    closing: CancellationToken,
    tasks: TaskTracker,
}

impl Running {
    async fn with(limits: ConnectionLimits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let slow = || async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            "slow"
        };
        let echo = |body: String| async move { body };
        let router = Router::new().route("/quick", get(|| async { "quick" })).route("/slow", get(slow)).route("/echo", post(echo));
        let (closing, tasks) = (CancellationToken::new(), TaskTracker::new());
        tokio::spawn(serve(listener, None, router, limits, closing.clone(), tasks.clone()));
        Self { address, closing, tasks }
    }

    async fn say(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        stream.write_all(text.as_bytes()).await.expect("it is open");
        stream
    }
}

/// Everything that comes until the other side ends the connection, which it does within this time.
async fn rest(stream: &mut TcpStream, at_most: Duration) -> String {
    let mut text = Vec::new();
    // A reset ends it as well.
    let _ = tokio::time::timeout(at_most, stream.read_to_end(&mut text)).await.expect("the connection is ended");
    String::from_utf8(text).expect("answers are text")
}

/// Whether the connection is still open after this time.
async fn stays_open(stream: &mut TcpStream, time: Duration) -> bool {
    tokio::time::timeout(time, stream.read_u8()).await.is_err()
}

async fn answer(stream: &mut TcpStream, end: &str) {
    let mut text = String::new();
    while !text.ends_with(end) {
        text.push(char::from(stream.read_u8().await.expect("an answer comes")));
    }
}

#[tokio::test]
async fn at_the_end_only_whole_requests_are_waited_for() {
    let server = Running::with(FULL).await;
    let half_body = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{";
    let mut halves = Vec::new();
    for half in ["", "POST /ec", half_body] {
        halves.push(server.say(half).await);
    }
    let mut whole = server.say(SLOW).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.closing.cancel();
    for half in &mut halves {
        rest(half, Duration::from_millis(400)).await;
    }
    assert!(rest(&mut whole, Duration::from_secs(5)).await.ends_with("slow"), "a request under way is answered");
    server.tasks.close();
    tokio::time::timeout(Duration::from_secs(1), server.tasks.wait()).await.expect("nothing is left");
}

#[tokio::test]
async fn idle_connections_end_and_busy_ones_do_not() {
    let limits = ConnectionLimits { first_request: Duration::from_millis(200), between_requests: Duration::from_millis(400), ..FULL };
    let server = Running::with(limits).await;
    let mut silent = server.say("").await;
    let mut busy = server.say(SLOW).await;
    let mut once = server.say(GET).await;
    answer(&mut once, "quick").await;
    assert_eq!(rest(&mut silent, Duration::from_millis(1_500)).await, "");
    answer(&mut busy, "slow").await;
    assert!(stays_open(&mut busy, Duration::from_millis(150)).await, "its idle time begins with the end of its answer");
    rest(&mut once, Duration::from_secs(2)).await;
    rest(&mut busy, Duration::from_secs(2)).await;
}

#[tokio::test]
async fn when_there_is_no_room_the_longest_idle_connection_goes() {
    let server = Running::with(ConnectionLimits { count_max: 3, ..FULL }).await;
    let mut busy = server.say(SLOW).await;
    let mut idle = Vec::new();
    for _ in 0..12 {
        idle.push(server.say("").await);
    }
    let mut asks = server.say(GET).await;
    tokio::time::timeout(Duration::from_secs(5), answer(&mut asks, "quick")).await.expect("there is room for whoever asks");
    answer(&mut busy, "slow").await;
    rest(&mut idle[0], Duration::from_secs(1)).await;
}

#[test]
fn a_warning_is_told_now_and_then_only() {
    let mut warning = Warning::default();
    (0..5).for_each(|_| warning.tell(&"no reason"));
    assert_eq!(warning.untold, 4);
}
