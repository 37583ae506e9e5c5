//! Bodies of requests on their way in: bounded each by itself, in time, and all together.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::error::ApiError;

/// How long a body may take to arrive.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How much of a body that is too large is read and dropped, so that its sender gets to read the answer.
const DRAINED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What bodies that come in several pieces hold together while they come. Those in one piece are there when they are seen first.
const ROOM_BYTES: usize = 128 * 1024 * 1024;

/// Room for the bodies that are on their way, so that requests that are sent by halves take no more than that.
pub(super) struct Room(Semaphore);

impl Room {
    pub(super) fn new() -> Self {
        Self(Semaphore::new(ROOM_BYTES))
    }

    /// For so many bytes, until it is dropped.
    fn place(&self, len: usize) -> Result<SemaphorePermit<'_>, ApiError> {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        self.0.try_acquire_many(len).map_err(|_| ApiError::Throttling)
    }
}

/// The whole body, as long as there is room for it beside those of others.
pub(super) async fn read(mut body: Body, len_max: usize, room: &Room) -> Result<Bytes, ApiError> {
    let read = async {
        let first = next_data(&mut body).await?;
        let mut whole = match next_data(&mut body).await? {
            None => return Ok(first.unwrap_or_default()).and_then(|body| bounded(body, len_max)),
            Some(second) => BytesMut::from_iter(first.into_iter().flatten().chain(second)),
        };
        let mut place = room.place(whole.len())?;
        while whole.len() <= len_max {
            match next_data(&mut body).await? {
                Some(data) => {
                    place.merge(room.place(data.len())?);
                    whole.extend_from_slice(&data);
                }
                None => return bounded(whole.freeze(), len_max),
            }
        }
        drain(&mut body).await;
        Err(ApiError::RequestEntityTooLarge { limit: len_max })
    };
    let timed_out = |_| ApiError::Serialization("The request body did not arrive in time".to_owned());
    tokio::time::timeout(TIMEOUT, read).await.map_err(timed_out)?
}

fn bounded(body: Bytes, len_max: usize) -> Result<Bytes, ApiError> {
    if body.len() > len_max { Err(ApiError::RequestEntityTooLarge { limit: len_max }) } else { Ok(body) }
}

async fn drain(body: &mut Body) {
    let mut drained = 0;
    while drained < DRAINED_BYTES_MAX {
        match next_data(body).await {
            Ok(Some(data)) => drained += data.len(),
            Ok(None) | Err(_) => return,
        }
    }
}

/// The next piece of data; trailers are no data.
async fn next_data(body: &mut Body) -> Result<Option<Bytes>, ApiError> {
    while let Some(frame) = body.frame().await {
        let broken = |error| ApiError::Serialization(format!("The request body could not be read: {error}"));
        if let Ok(data) = frame.map_err(broken)?.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn pieces(count: usize, len: usize) -> Body {
        Body::from_stream(stream::iter((0..count).map(move |_| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; len])))))
    }

    #[tokio::test]
    async fn bodies_that_are_on_their_way_share_their_room() {
        let room = Room(Semaphore::new(1_000));
        let beside = room.place(500).expect("there is room");
        assert_eq!(read(pieces(4, 100), 1_000, &room).await.expect("it fits").len(), 400);
        assert!(matches!(read(pieces(6, 100), 1_000, &room).await, Err(ApiError::Throttling)));
        assert_eq!(read(pieces(1, 900), 1_000, &room).await.expect("it is there at once").len(), 900);
        drop(beside);
        assert_eq!(read(pieces(6, 100), 1_000, &room).await.expect("it fits now").len(), 600);
        assert_eq!(room.0.available_permits(), 1_000);
        assert!(matches!(read(pieces(4, 300), 1_000, &Room::new()).await, Err(ApiError::RequestEntityTooLarge { limit: 1_000 })));
    }
}
