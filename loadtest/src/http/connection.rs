//! One kept-alive connection with one request under way at a time.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::answer::{BodyLength, Head, read_chunks, read_head};
use super::{Answer, Endpoint};

/// Longer than the longest poll that a request asks for (60 s).
const ANSWER_TIMEOUT: Duration = Duration::from_secs(75);

/// Why there is no answer. Whether the server has carried the request out is not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("no connection: {0}")]
    Connect(std::io::Error),
    #[error("the connection broke: {0}")]
    Broken(std::io::Error),
    #[error("no answer within {} s", ANSWER_TIMEOUT.as_secs())]
    Timeout,
    #[error("not an HTTP/1.1 answer: {0}")]
    Protocol(&'static str),
}

/// A connection that opens itself when it is needed, again after an error.
#[derive(Debug)]
pub(crate) struct Connection {
    endpoint: Endpoint,
    stream: Option<TcpStream>,
    received: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(endpoint: &Endpoint) -> Self {
        Self { endpoint: endpoint.clone(), stream: None, received: Vec::with_capacity(4096) }
    }

    /// Sends `request` and reads its whole answer. After an error the next call opens a new connection.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>, HttpError> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect().await?,
        };
        self.received.clear();
        let exchange = send_and_receive(&mut stream, request, &mut self.received);
        let head = tokio::time::timeout(ANSWER_TIMEOUT, exchange).await.map_err(|_| HttpError::Timeout)??;
        if !head.closes {
            self.stream = Some(stream);
        }
        Ok(Answer { status: head.status, body: &self.received[head.len..] })
    }

    async fn connect(&self) -> Result<TcpStream, HttpError> {
        let stream = TcpStream::connect(self.endpoint.address).await.map_err(HttpError::Connect)?;
        stream.set_nodelay(true).map_err(HttpError::Connect)?;
        Ok(stream)
    }
}

/// Leaves the head and the decoded body in `received`, and nothing else.
async fn send_and_receive(stream: &mut TcpStream, request: &[u8], received: &mut Vec<u8>) -> Result<Head, HttpError> {
    stream.write_all(request).await.map_err(HttpError::Broken)?;
    let head = loop {
        read_more(stream, received).await?;
        match read_head(received)? {
            // 100 Continue and its like announce the answer that follows.
            Some(head) if head.status < 200 => drop(received.drain(..head.len)),
            Some(head) => break head,
            None => {}
        }
    };
    match head.body {
        BodyLength::Known(len) => read_known(stream, received, head.len + len).await?,
        BodyLength::Chunked => read_chunked(stream, received, head.len).await?,
    }
    Ok(head)
}

async fn read_known(stream: &mut TcpStream, received: &mut Vec<u8>, len: usize) -> Result<(), HttpError> {
    while received.len() < len {
        read_more(stream, received).await?;
    }
    if received.len() > len { Err(HttpError::Protocol("more bytes than the answer has")) } else { Ok(()) }
}

async fn read_chunked(stream: &mut TcpStream, received: &mut Vec<u8>, head_len: usize) -> Result<(), HttpError> {
    loop {
        if let Some((body, taken)) = read_chunks(&received[head_len..])? {
            if received.len() > head_len + taken {
                return Err(HttpError::Protocol("more bytes than the answer has"));
            }
            received.truncate(head_len);
            received.extend_from_slice(&body);
            return Ok(());
        }
        read_more(stream, received).await?;
    }
}

async fn read_more(stream: &mut TcpStream, received: &mut Vec<u8>) -> Result<(), HttpError> {
    received.reserve(4096);
    match stream.read_buf(received).await {
        Ok(0) => Err(HttpError::Broken(std::io::ErrorKind::UnexpectedEof.into())),
        Ok(_) => Ok(()),
        Err(error) => Err(HttpError::Broken(error)),
    }
}
