//! Reading batches back from the log.

use std::os::unix::fs::FileExt;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::frame::{self, HEADER_LEN};
use super::segment::Segment;
use super::shard_log::Place;
use crate::store::{ShardId, StoreError};

/// Where some batches of a shard stand, as the writer knew when it was asked.
pub(crate) struct Places {
    /// Of consecutive generations.
    pub(crate) segments: Vec<Segment>,
    pub(crate) places: Vec<(u64, Place)>,
}

/// Reads the batches one by one, as they are asked for.
pub(crate) fn batches(
    places: impl Future<Output = Result<Places, StoreError>> + Send + 'static,
    shard: ShardId,
    seed: u32,
) -> BoxStream<'static, Result<(u64, Bytes), StoreError>> {
    stream::once(places)
        .map_ok(move |Places { segments, places }| {
            stream::iter(places).map(move |(seq, place)| {
                let batch = read(&segments, place, shard, seq, seed)?;
                Ok((seq, batch))
            })
        })
        .try_flatten()
        .boxed()
}

fn read(segments: &[Segment], place: Place, shard: ShardId, seq: u64, seed: u32) -> Result<Bytes, StoreError> {
    let first = segments.first().map_or(0, |segment| segment.generation);
    let segment = &segments[(place.generation - first) as usize];
    let mut bytes = vec![0; frame::frame_len(place.len as usize)];
    segment.file.read_exact_at(&mut bytes, u64::from(place.offset)).map_err(|error| StoreError::Failed(error.to_string()))?;
    let header = frame::read_header(&bytes, seed);
    let header = header.map_err(|flaw| corrupt(segment, place, &flaw.to_string()))?;
    // A checkpoint of the same shard may have let the file go meanwhile.
    if (header.generation, header.shard, header.seq) != (segment.generation, shard.0, seq) {
        return Err(corrupt(segment, place, "another batch stands there"));
    }
    frame::read_body(&bytes, &header, seed).map_err(|flaw| corrupt(segment, place, &flaw.to_string()))?;
    Ok(Bytes::from(bytes).slice(HEADER_LEN..HEADER_LEN + header.body_len))
}

fn corrupt(segment: &Segment, place: Place, detail: &str) -> StoreError {
    let (path, offset) = (segment.path.display(), place.offset);
    StoreError::Corrupt(format!("{path}, byte {offset}: {detail}"))
}
