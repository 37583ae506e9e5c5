//! One member as whoever asks it sees it: questions under way, and the stream that carries them. A stream that breaks takes the answers that
//! were to come with it; the next question opens another one.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use baton_proto::MESSAGE_BYTES_MAX;
use baton_proto::peer::v1::peer_client::PeerClient;
use baton_proto::peer::v1::watch_chunk::Chunk;
use baton_proto::peer::v1::{Answers, Question as Asked, Questions, WatchRequest};
use bytes::Bytes;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status, Streaming};

use super::{codec, forward};
use crate::cluster::{ExecutionId, Notice, PeerAnswer, Question, RemoteWatch, Unreachable};
use crate::dispatch::{PEER_HEADER, PeerSecret};
use crate::shard::Answer;

/// A member that does not answer the opening of a stream in this time cannot be reached.
const OPEN_MAX: Duration = Duration::from_secs(2);
/// A request of the API that takes longer is given up: it may have been done.
const FORWARD_MAX: Duration = Duration::from_secs(5);
/// Pauses after a stream that could not be opened or has ended. Meanwhile the member cannot be reached.
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(1);
/// A dead connection is noticed after at most twice this time.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
const STREAM_WINDOW_BYTES: u32 = 4 * 1_048_576;
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1_048_576;
/// Messages between the link and the connection. Few, so that what waits is put together into larger ones.
const OUTBOUND_MAX: usize = 4;
/// Questions of one message, bytes. Larger ones would make small ones behind them wait.
const MESSAGE_BYTES: usize = 1 << 20;
/// Questions that may be under way; more are refused.
const WAITING_MAX: usize = 65_536;
/// Chunks that a follower may be behind.
const BEHIND_MAX: usize = 1_024;

/// See the module.
pub(super) struct Link {
    secret: PeerSecret,
    channel: Channel,
    outbox: Mutex<Outbox>,
    /// Something is in the outbox, or nobody can ask any more.
    filled: Arc<Notify>,
}

#[derive(Default)]
struct Outbox {
    next_id: u64,
    questions: Vec<Asked>,
    withdrawn: Vec<u64>,
    notices: Vec<Bytes>,
    /// Who waits for an answer, by the question's id.
    waiting: HashMap<u64, oneshot::Sender<Result<PeerAnswer, Unreachable>>, FixedState>,
    /// Why the member cannot be reached at the moment.
    broken: Option<Unreachable>,
}

impl Link {
    /// The link to the member at this address. It is spoken to when there is something to say.
    pub(super) fn open(address: &str, secret: &PeerSecret, ca_pem: Option<&str>) -> Result<Arc<Self>, Unreachable> {
        let channel = endpoint(address, ca_pem)?.connect_lazy();
        let filled = Arc::new(Notify::new());
        let link = Arc::new(Self { secret: secret.clone(), channel, outbox: Mutex::default(), filled: filled.clone() });
        tokio::spawn(run(Arc::downgrade(&link), filled));
        Ok(link)
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        let outbox = self.outbox.lock();
        outbox.waiting.is_empty() && outbox.is_empty()
    }

    /// Asks; what is answered is the answer to come.
    pub(super) fn ask(self: &Arc<Self>, question: &Question) -> Result<Pending, Unreachable> {
        let body = codec::encode_question(question);
        let (sender, answer) = oneshot::channel();
        let mut outbox = self.outbox.lock();
        if let Some(reason) = &outbox.broken {
            return Err(reason.clone());
        }
        if outbox.waiting.len() >= WAITING_MAX {
            return Err(Unreachable("too many questions are under way".into()));
        }
        let id = outbox.next_id;
        outbox.next_id += 1;
        outbox.waiting.insert(id, sender);
        outbox.questions.push(Asked { id, body });
        drop(outbox);
        self.filled.notify_one();
        Ok(Pending { link: self.clone(), id, answer })
    }

    /// Tells, unless the member cannot be reached.
    pub(super) fn tell(&self, notice: &Notice) {
        let mut outbox = self.outbox.lock();
        if outbox.broken.is_none() {
            outbox.notices.push(codec::encode_notice(notice));
            drop(outbox);
            self.filled.notify_one();
        }
    }

    /// Follows an execution.
    pub(super) async fn watch(&self, id: ExecutionId) -> Result<Option<RemoteWatch>, Unreachable> {
        let request = self.request(WatchRequest { execution: Bytes::copy_from_slice(&id.0.to_le_bytes()) });
        let mut client = self.client();
        let opened = timeout(OPEN_MAX, client.watch(request)).await.map_err(|_| Unreachable(NO_ANSWER.into()))?;
        let mut chunks = match opened {
            Ok(response) => response.into_inner(),
            Err(status) if status.code() == tonic::Code::FailedPrecondition => return Ok(None),
            Err(status) => return Err(unreachable_by(&status)),
        };
        let first = timeout(OPEN_MAX, chunks.message()).await.map_err(|_| Unreachable(NO_ANSWER.into()))?;
        let Some(Chunk::SoFar(so_far)) = first.map_err(|status| unreachable_by(&status))?.and_then(|chunk| chunk.chunk) else {
            return Err(Unreachable("what is followed did not begin with its beginning".into()));
        };
        let Ok(PeerAnswer::Shard(Answer::History(seen))) = codec::decode_answer(&so_far) else {
            return Err(Unreachable(codec::NOT_UNDERSTOOD.into()));
        };
        let (sender, live) = mpsc::channel(BEHIND_MAX);
        tokio::spawn(async move {
            while let Ok(Some(chunk)) = chunks.message().await {
                let Some(Chunk::Events(events)) = chunk.chunk else { return };
                if sender.send(events).await.is_err() {
                    return;
                }
            }
        });
        Ok(Some(RemoteWatch { seen, live }))
    }

    /// Has the member answer a request of the API.
    pub(super) async fn forward(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, Unreachable> {
        let request = self.request(forward::request_out(request));
        let mut client = self.client();
        let answered = timeout(FORWARD_MAX, client.forward(request)).await.map_err(|_| Unreachable(NO_ANSWER.into()))?;
        let response = answered.map_err(|status| unreachable_by(&status))?.into_inner();
        forward::response_in(response).ok_or_else(|| Unreachable(codec::NOT_UNDERSTOOD.into()))
    }

    fn client(&self) -> PeerClient<Channel> {
        let client = PeerClient::new(self.channel.clone());
        client.max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().as_mut().insert(PEER_HEADER, self.secret.header());
        request
    }

    async fn open_stream(&self) -> Result<(Streaming<Answers>, mpsc::Sender<Questions>), Unreachable> {
        let (sender, questions) = mpsc::channel(OUTBOUND_MAX);
        let request = self.request(ReceiverStream::new(questions));
        let mut client = self.client();
        let opened = timeout(OPEN_MAX, client.exchange(request)).await.map_err(|_| Unreachable(NO_ANSWER.into()))?;
        Ok((opened.map_err(|status| unreachable_by(&status))?.into_inner(), sender))
    }

    fn resolve(&self, answers: Answers) {
        for answer in answers.answers {
            let waiting = self.outbox.lock().waiting.remove(&answer.id);
            let Some(waiting) = waiting else { continue };
            let answer = codec::decode_answer(&answer.body).map_err(|error| Unreachable(error.to_string().into()));
            // Whoever has gone away needs no answer.
            let _ = waiting.send(answer);
        }
    }

    /// Nothing that was asked will be answered, and nothing is asked until this is taken back.
    fn break_off(&self, reason: &Unreachable) {
        let mut outbox = self.outbox.lock();
        let broken = std::mem::take(&mut *outbox);
        *outbox = Outbox { next_id: broken.next_id, broken: Some(reason.clone()), ..Outbox::default() };
        drop(outbox);
        for (_, waiting) in broken.waiting {
            let _ = waiting.send(Err(reason.clone()));
        }
    }

    fn mend(&self) {
        self.outbox.lock().broken = None;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.filled.notify_one();
    }
}

impl Outbox {
    fn is_empty(&self) -> bool {
        self.questions.is_empty() && self.withdrawn.is_empty() && self.notices.is_empty()
    }

    /// The next message.
    fn batch(&mut self) -> Questions {
        let mut bytes = 0;
        let has_room = |question: &&Asked| {
            let has_room = bytes < MESSAGE_BYTES;
            bytes += question.body.len();
            has_room
        };
        let count = self.questions.iter().take_while(has_room).count();
        let questions: Vec<_> = self.questions.drain(..count).collect();
        // A question may be withdrawn before it has left; what is withdrawn comes after it.
        let withdrawn = if self.questions.is_empty() { std::mem::take(&mut self.withdrawn) } else { Vec::new() };
        Questions { questions, withdrawn, notices: std::mem::take(&mut self.notices) }
    }
}

/// An answer to come. Dropping it takes the question back.
pub(super) struct Pending {
    link: Arc<Link>,
    id: u64,
    answer: oneshot::Receiver<Result<PeerAnswer, Unreachable>>,
}

impl Future for Pending {
    type Output = Result<PeerAnswer, Unreachable>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = std::task::ready!(Pin::new(&mut self.answer).poll(cx));
        Poll::Ready(answer.unwrap_or_else(|_| Err(Unreachable("this process is going away".into()))))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let mut outbox = self.link.outbox.lock();
        if outbox.waiting.remove(&self.id).is_some() {
            outbox.withdrawn.push(self.id);
            drop(outbox);
            self.link.filled.notify_one();
        }
    }
}

/// A stream was opened, or an answer was waited for, for too long.
const NO_ANSWER: &str = "no answer in time";

/// Carries what is asked, until nobody can ask any more.
async fn run(link: Weak<Link>, filled: Arc<Notify>) {
    let mut backoff = BACKOFF_MIN;
    while let Some(reason) = exchange(&link, &filled, &mut backoff).await {
        let Some(link) = link.upgrade() else { return };
        tracing::debug!(%reason, "another member cannot be reached");
        link.break_off(&reason);
        drop(link);
        sleep(backoff).await;
        backoff = (backoff * 2).min(BACKOFF_MAX);
    }
}

/// One stream, from the first question to its end; answers why it has ended, `None` if nobody can ask any more.
async fn exchange(link: &Weak<Link>, filled: &Notify, backoff: &mut Duration) -> Option<Unreachable> {
    link.upgrade()?.mend();
    while link.upgrade()?.outbox.lock().is_empty() {
        filled.notified().await;
    }
    let (mut answers, questions) = match link.upgrade()?.open_stream().await {
        Ok(opened) => opened,
        Err(reason) => return Some(reason),
    };
    *backoff = BACKOFF_MIN;
    loop {
        let has_more = !link.upgrade()?.outbox.lock().is_empty();
        tokio::select! {
            message = answers.message() => match message {
                Ok(Some(message)) => link.upgrade()?.resolve(message),
                Ok(None) => return Some(Unreachable("the member has ended the connection".into())),
                Err(status) => return Some(unreachable_by(&status)),
            },
            permit = questions.reserve(), if has_more => match permit {
                Ok(permit) => permit.send(link.upgrade()?.outbox.lock().batch()),
                Err(_) => return Some(Unreachable("the connection has ended".into())),
            },
            () = filled.notified(), if !has_more => {}
        }
    }
}

fn endpoint(address: &str, ca_pem: Option<&str>) -> Result<Endpoint, Unreachable> {
    let wrong = |error: tonic::transport::Error| Unreachable(format!("{address}: {error}").into());
    let endpoint = Endpoint::from_shared(address.to_owned()).map_err(wrong)?;
    let endpoint = match endpoint.uri().scheme_str() {
        Some("https") => endpoint.tls_config(tls(ca_pem)).map_err(wrong)?,
        Some(_) | None => endpoint,
    };
    Ok(endpoint
        .connect_timeout(OPEN_MAX)
        .tcp_nodelay(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE))
}

fn tls(ca_pem: Option<&str>) -> ClientTlsConfig {
    let tls = ClientTlsConfig::new().with_native_roots();
    match ca_pem {
        Some(pem) => tls.ca_certificate(Certificate::from_pem(pem)),
        None => tls,
    }
}

fn unreachable_by(status: &Status) -> Unreachable {
    if status.code() == tonic::Code::Unauthenticated {
        tracing::warn!(reason = status.message(), "another member does not take this one for a member of its cluster");
    }
    match status.message() {
        "" => Unreachable(status.code().description().into()),
        message => Unreachable(message.into()),
    }
}
