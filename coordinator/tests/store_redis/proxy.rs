//! A way to the server that a test can break.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What becomes of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// They pass.
    Open,
    /// What is asked passes; as soon as an answer comes, the connection ends instead.
    CutAtAnswer,
    /// Connections end, and no new ones come about.
    Closed,
    /// What is asked passes up to so many more bytes; then nothing does, and nobody is told.
    Only(usize),
    /// Who asks is hung up on, and what was asked arrives when the way is open again. New connections are as always.
    Late,
}

/// Listens on a port of its own and passes everything on.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    way: watch::Sender<Way>,
    asked: Arc<AtomicUsize>,
}

impl Proxy {
    /// A way to the server at this port.
    pub(crate) async fn to(server_port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("there is a free port");
        let port = listener.local_addr().expect("a listener has an address").port();
        let (way, ways) = watch::channel(Way::Open);
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { return };
                let way = *ways.borrow();
                if way == Way::Closed {
                    continue;
                }
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server_port)).await;
                let Ok(server) = server else { continue };
                tokio::spawn(join(client, server, ways.clone(), counted.clone(), way != Way::Late));
            }
        });
        Self { port, way, asked }
    }

    pub(crate) fn set(&self, way: Way) {
        self.asked.store(0, Ordering::Relaxed);
        self.way.send_replace(way);
    }

    /// Waits until a connection has been cut or anything has come since the last change.
    pub(crate) async fn until_asked(&self) {
        while self.asked.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
}

/// Both directions, until one of them ends.
async fn join(client: TcpStream, server: TcpStream, mut ways: watch::Receiver<Way>, asked: Arc<AtomicUsize>, is_old: bool) {
    let (from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let (mut closing, passing) = (ways.clone(), ways.clone());
    let late = tokio::select! {
        late = questions(from_client, &mut to_server, passing.clone(), asked, is_old) => late,
        () = answers(from_server, to_client, passing) => Vec::new(),
        _ = closing.wait_for(|way| *way == Way::Closed) => Vec::new(),
    };
    if !late.is_empty() && ways.wait_for(|way| *way == Way::Open).await.is_ok() {
        to_server.write_all(&late).await.expect("the server is there");
        to_server.flush().await.expect("the server is there");
    }
}

/// Answers with what is to arrive late.
async fn questions(
    mut from: OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    ways: watch::Receiver<Way>,
    asked: Arc<AtomicUsize>,
    is_old: bool,
) -> Vec<u8> {
    let mut bytes = vec![0; 16 << 10];
    while let Ok(len @ 1..) = from.read(&mut bytes).await {
        let before = asked.fetch_add(len, Ordering::Relaxed);
        let way = *ways.borrow();
        let passing = match way {
            Way::Only(max) => max.saturating_sub(before).min(len),
            Way::Late if is_old => return bytes[..len].to_vec(),
            Way::Open | Way::CutAtAnswer | Way::Closed | Way::Late => len,
        };
        if to.write_all(&bytes[..passing]).await.is_err() {
            break;
        }
        if passing < len {
            std::future::pending::<()>().await;
        }
    }
    Vec::new()
}

async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, ways: watch::Receiver<Way>) {
    let mut bytes = vec![0; 16 << 10];
    while let Ok(len @ 1..) = from.read(&mut bytes).await {
        let way = *ways.borrow();
        if way == Way::CutAtAnswer || to.write_all(&bytes[..len]).await.is_err() {
            return;
        }
    }
}
