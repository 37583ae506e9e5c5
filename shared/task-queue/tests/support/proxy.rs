//! A TCP proxy on loopback whose connections can be cut.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

pub(crate) struct Proxy {
    port: u16,
    cuts: watch::Sender<u64>,
    task: AbortHandle,
}

impl Proxy {
    pub(crate) async fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let cuts = watch::Sender::new(0);
        let task = tokio::spawn(accept(listener, to, cuts.subscribe())).abort_handle();
        Self { port, cuts, task }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Every connection of this moment, without a goodbye.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, to: u16, cuts: watch::Receiver<u64>) {
    while let Ok((client, _)) = listener.accept().await {
        let mut cuts = cuts.clone();
        cuts.mark_unchanged();
        tokio::spawn(async move {
            tokio::select! {
                () = carry(client, to) => {}
                _ = cuts.changed() => {}
            }
        });
    }
}

async fn carry(mut client: TcpStream, to: u16) {
    if let Ok(mut server) = TcpStream::connect(("127.0.0.1", to)).await {
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}
