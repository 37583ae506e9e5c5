//! Answers the questions of one stream. Whatever is answered together leaves together.

use baton_proto::peer::v1::{Answer, Answers, Questions};
use bytes::Bytes;
use foldhash::fast::FixedState;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use hashbrown::HashMap;
use tokio::sync::{mpsc, oneshot};
use tonic::{Status, Streaming};

use super::codec;
use crate::cluster::{Cluster, PeerAnswer, Question};

/// Questions of one stream that are being answered; more are refused.
const OPEN_MAX: usize = 65_536;
/// Answers of one message, bytes. Larger ones would make small ones behind them wait.
const MESSAGE_BYTES: usize = 1 << 20;

/// Answers until the stream ends.
pub(super) async fn run(cluster: Cluster, mut questions: Streaming<Questions>, answers: mpsc::Sender<Result<Answers, Status>>) {
    let mut answering = Answering { cluster, open: FuturesUnordered::new(), withdrawals: HashMap::default(), ready: Vec::new() };
    let closing = answering.cluster.clone();
    loop {
        tokio::select! {
            // Whatever is still asked here is answered by whoever has the shards now.
            () = closing.closed() => return,
            message = questions.message() => match message {
                Ok(Some(message)) => answering.take(message),
                Ok(None) | Err(_) => return,
            },
            Some(answer) = answering.open.next() => answering.answered(answer),
            permit = answers.reserve(), if !answering.ready.is_empty() => match permit {
                Ok(permit) => permit.send(Ok(answering.batch())),
                Err(_) => return,
            },
            () = answers.closed() => return,
        }
    }
}

struct Answering {
    cluster: Cluster,
    /// Answers to come; `None` of those that nobody waits for any more.
    open: FuturesUnordered<BoxFuture<'static, Option<Answer>>>,
    /// Questions that may stay open for long.
    withdrawals: HashMap<u64, oneshot::Sender<()>, FixedState>,
    ready: Vec<Answer>,
}

impl Answering {
    fn take(&mut self, message: Questions) {
        for notice in &message.notices {
            match codec::decode_notice(notice) {
                Ok(notice) => self.cluster.hear(notice),
                Err(error) => tracing::warn!(%error, "another member has said what is not understood here"),
            }
        }
        for question in message.questions {
            self.ask(question.id, &question.body);
        }
        for id in message.withdrawn {
            // Dropped, it ends its question.
            drop(self.withdrawals.remove(&id));
        }
    }

    fn ask(&mut self, id: u64, body: &Bytes) {
        let question = match codec::decode_question(body) {
            Ok(question) => question,
            Err(error) => {
                tracing::warn!(%error, "another member has asked what is not understood here");
                return self.ready.push(answer(id, PeerAnswer::Unavailable(codec::NOT_UNDERSTOOD)));
            }
        };
        if self.open.len() >= OPEN_MAX {
            return self.ready.push(answer(id, PeerAnswer::Throttled));
        }
        let cluster = self.cluster.clone();
        let is_long = matches!(question, Question::WaitEnd { .. });
        let asked = async move { answer(id, cluster.answer(question).await) };
        if !is_long {
            return self.open.push(asked.map(Some).boxed());
        }
        let (withdrawal, withdrawn) = oneshot::channel::<()>();
        self.withdrawals.insert(id, withdrawal);
        let asked = async move {
            tokio::select! {
                answer = asked => Some(answer),
                _ = withdrawn => None,
            }
        };
        self.open.push(asked.boxed());
    }

    /// Takes an answer, and all others that are there already.
    fn answered(&mut self, first: Option<Answer>) {
        let mut next = Some(first);
        while let Some(answer) = next {
            if let Some(answer) = answer {
                self.withdrawals.remove(&answer.id);
                self.ready.push(answer);
            }
            next = self.open.next().now_or_never().flatten();
        }
    }

    /// The next message.
    fn batch(&mut self) -> Answers {
        let mut bytes = 0;
        let has_room = |answer: &&Answer| {
            let has_room = bytes < MESSAGE_BYTES;
            bytes += answer.body.len();
            has_room
        };
        let count = self.ready.iter().take_while(has_room).count();
        Answers { answers: self.ready.drain(..count).collect() }
    }
}

fn answer(id: u64, answer: PeerAnswer) -> Answer {
    Answer { id, body: codec::encode_answer(answer) }
}
