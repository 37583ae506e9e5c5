//! The end of a link that answers.

use std::sync::Arc;

use baton_proto::MESSAGE_BYTES_MAX;
use baton_proto::peer::v1::peer_server::{Peer, PeerServer};
use baton_proto::peer::v1::watch_chunk::Chunk;
use baton_proto::peer::v1::{Answers, ApiRequest, ApiResponse, Questions, WatchChunk, WatchRequest};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use super::{answering, codec, forward};
use crate::cluster::{Cluster, ExecutionId, PeerAnswer};
use crate::dispatch::PeerSecret;
use crate::shard::Answer;

/// Messages between what is answered and the connection. Few, so that what waits is put together into larger ones.
const OUTBOUND_MAX: usize = 4;
/// Whoever does not know the secret.
const NOT_A_MEMBER: &str = "only members of this cluster are answered: the header baton-peer does not carry its secret";

/// Answers requests of the AWS API that other members hand on.
pub type AnswersApi = Arc<dyn Fn(http::Request<Bytes>) -> BoxFuture<'static, http::Response<Bytes>> + Send + Sync>;

/// Answers other members. Clones answer for the same cluster.
#[derive(Clone)]
pub struct PeerService {
    cluster: Cluster,
    secret: PeerSecret,
    api: Option<AnswersApi>,
}

impl PeerService {
    /// Answers members that know the secret of this cluster.
    pub fn new(cluster: Cluster) -> Self {
        let secret = PeerSecret::of(cluster.token_key());
        Self { cluster, secret, api: None }
    }

    /// As this, with what answers requests of the API.
    pub fn with_api(self, api: AnswersApi) -> Self {
        Self { api: Some(api), ..self }
    }

    /// The gRPC service, to be put into a server.
    pub fn service(&self) -> PeerServer<PeerService> {
        PeerServer::new(self.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    fn check(&self, metadata: &MetadataMap) -> Result<(), Status> {
        if self.secret.is_in(metadata.as_ref()) { Ok(()) } else { Err(Status::unauthenticated(NOT_A_MEMBER)) }
    }
}

#[tonic::async_trait]
impl Peer for PeerService {
    type ExchangeStream = ReceiverStream<Result<Answers, Status>>;
    type WatchStream = BoxStream<'static, Result<WatchChunk, Status>>;

    async fn exchange(&self, request: Request<Streaming<Questions>>) -> Result<Response<Self::ExchangeStream>, Status> {
        self.check(request.metadata())?;
        let (sender, answers) = mpsc::channel(OUTBOUND_MAX);
        tokio::spawn(answering::run(self.cluster.clone(), request.into_inner(), sender));
        Ok(Response::new(ReceiverStream::new(answers)))
    }

    async fn forward(&self, request: Request<ApiRequest>) -> Result<Response<ApiResponse>, Status> {
        self.check(request.metadata())?;
        let api = self.api.as_ref().ok_or_else(|| Status::unimplemented("this member has no API"))?;
        let request = forward::request_in(request.into_inner()).ok_or_else(|| Status::invalid_argument("this is no request"))?;
        Ok(Response::new(forward::response_out(api(request).await)))
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        self.check(request.metadata())?;
        let id = <[u8; 16]>::try_from(&*request.into_inner().execution);
        let id = ExecutionId(u128::from_le_bytes(id.map_err(|_| Status::invalid_argument("an execution's id has 16 bytes"))?));
        let watch = self.cluster.watch_here(id).await.ok_or_else(|| Status::failed_precondition("the execution's shard is not here"))?;
        let so_far = Chunk::SoFar(codec::encode_answer(PeerAnswer::Shard(Answer::History(watch.seen))));
        let live = ReceiverStream::new(watch.live).map(Chunk::Events);
        let chunks = stream::iter([so_far]).chain(live).map(|chunk| Ok(WatchChunk { chunk: Some(chunk) }));
        Ok(Response::new(chunks.boxed()))
    }
}
