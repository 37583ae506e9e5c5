//! A remote file as the decoder wants it: any bytes at any time, on a thread that may block.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::Mutex;

use bytes::{Bytes, BytesMut};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use tokio::runtime::Handle;

use super::{ROW_GROUP_BYTES_MAX, invalid};
use crate::ReadFailure;
use crate::store::{Bucket, Range, StoreError, Versioned, retried};

/// Longest footer, as AWS has it.
const FOOTER_BYTES_MAX: u64 = 5 * 1024 * 1024;
/// At the end of the file: the footer's length and the format's name.
const TAIL_BYTES: u64 = 8;
const MAGIC: &[u8] = b"PAR1";
/// The file is read in blocks of this length.
const BLOCK_BYTES: u64 = 512 * 1024;
/// Blocks that are kept: of each column the one that is being decoded, for files with not too many columns.
const BLOCKS: usize = 64;

/// A file in a bucket.
pub(super) struct RemoteFile {
    bucket: Bucket,
    key: String,
    size: u64,
    etag: Option<String>,
    runtime: Handle,
    /// By number, the last used one at the end.
    blocks: Mutex<VecDeque<(u64, Bytes)>>,
}

impl RemoteFile {
    /// With the ETag of an earlier reading, it must still be that one.
    pub(super) async fn open(bucket: Bucket, object: Versioned<'_>, etag: Option<&str>) -> Result<Self, ReadFailure> {
        let opened = retried(|| bucket.get(object, Range { from: 0, to: None }, None)).await?;
        let (size, is) = (opened.size, opened.etag);
        if let (Some(was), Some(is)) = (etag, &is)
            && was != is
        {
            return Err(changed(object.key, was, is).into());
        }
        let blocks = Mutex::new(VecDeque::new());
        Ok(Self { bucket, key: object.key.to_owned(), size, etag: is, runtime: Handle::current(), blocks })
    }

    pub(super) fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    /// What the file says about itself, at its end.
    pub(super) fn footer(&self) -> Result<Bytes, ReadFailure> {
        let tail_at = self.size.checked_sub(TAIL_BYTES).ok_or_else(|| invalid(&"the file is too short"))?;
        let tail = self.read(tail_at, TAIL_BYTES)?;
        let (len, magic) = tail.split_at(4);
        if magic != MAGIC {
            return Err(invalid(&"the file does not end with 'PAR1'"));
        }
        let len = u64::from(u32::from_le_bytes(len.try_into().expect("four bytes")));
        if len > FOOTER_BYTES_MAX {
            return Err(ReadFailure::new(format!("The footer of the dataset exceeds the limit of {FOOTER_BYTES_MAX} bytes.")));
        }
        let at = tail_at.checked_sub(len).ok_or_else(|| invalid(&"the file is shorter than its footer"))?;
        self.read(at, len)
    }

    fn read(&self, start: u64, len: u64) -> Result<Bytes, ReadFailure> {
        let end = start.checked_add(len).filter(|end| *end <= self.size).ok_or_else(|| invalid(&"it points beyond its end"))?;
        if len > ROW_GROUP_BYTES_MAX {
            return Err(invalid(&"a page is longer than a row group may be"));
        }
        if len > BLOCK_BYTES * 2 {
            return Ok(self.fetch(start, end)?);
        }
        let (first, last) = (start / BLOCK_BYTES, end.saturating_sub(1) / BLOCK_BYTES);
        let mut bytes = BytesMut::with_capacity(len as usize);
        for number in first..=last {
            let block = self.block(number)?;
            let base = number * BLOCK_BYTES;
            let from = start.saturating_sub(base) as usize;
            let to = (end - base).min(block.len() as u64) as usize;
            if first == last {
                return Ok(block.slice(from..to));
            }
            bytes.extend_from_slice(&block[from..to]);
        }
        Ok(bytes.freeze())
    }

    fn block(&self, number: u64) -> Result<Bytes, StoreError> {
        if let Some(block) = self.kept(number) {
            return Ok(block);
        }
        let start = number * BLOCK_BYTES;
        let block = self.fetch(start, (start + BLOCK_BYTES).min(self.size))?;
        let mut blocks = self.lock();
        if blocks.len() == BLOCKS {
            blocks.pop_front();
        }
        blocks.push_back((number, block.clone()));
        Ok(block)
    }

    fn kept(&self, number: u64) -> Option<Bytes> {
        let mut blocks = self.lock();
        let at = blocks.iter().position(|(kept, _)| *kept == number)?;
        let block = blocks.remove(at)?;
        let bytes = block.1.clone();
        blocks.push_back(block);
        Some(bytes)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<(u64, Bytes)>> {
        self.blocks.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn fetch(&self, from: u64, to: u64) -> Result<Bytes, StoreError> {
        self.runtime.block_on(retried(|| self.fetch_once(from, to)))
    }

    async fn fetch_once(&self, from: u64, to: u64) -> Result<Bytes, StoreError> {
        let object = Versioned { key: &self.key, version: None };
        let was = self.etag.as_deref();
        let opened = self.bucket.get(object, Range { from, to: Some(to) }, was).await;
        let mut opened = opened.map_err(|error| match was {
            Some(was) if error.is_precondition() => changed(&self.key, was, "another"),
            _ => error,
        })?;
        if let (Some(was), Some(is)) = (was, &opened.etag)
            && was != is
        {
            return Err(changed(&self.key, was, is));
        }
        let len = to - from;
        let mut bytes = BytesMut::with_capacity(len as usize);
        while let Some(piece) = opened.body.next().await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() as u64 > len {
                return Err(StoreError::Unreadable("more bytes than were asked for".to_owned()));
            }
        }
        if bytes.len() as u64 == len { Ok(bytes.freeze()) } else { Err(StoreError::NoAnswer("the object ends too early".to_owned())) }
    }
}

fn changed(key: &str, was: &str, is: &str) -> StoreError {
    StoreError::Changed { key: key.to_owned(), was: was.to_owned(), is: is.to_owned() }
}

impl Length for RemoteFile {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for RemoteFile {
    type T = RemoteRead;

    fn get_read(&self, start: u64) -> Result<RemoteRead, ParquetError> {
        // What is read this way are headers of pages; the rest of a block does for them.
        let block = (start / BLOCK_BYTES + 1) * BLOCK_BYTES;
        let end = (block + BLOCK_BYTES).min(self.size);
        let bytes = self.read(start.min(end), end.saturating_sub(start)).map_err(external)?;
        Ok(RemoteRead { bytes })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        self.read(start, length as u64).map_err(external)
    }
}

fn external(failure: ReadFailure) -> ParquetError {
    ParquetError::External(Box::new(failure))
}

/// Bytes of the file from some place on.
pub(super) struct RemoteRead {
    bytes: Bytes,
}

impl Read for RemoteRead {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let len = to.len().min(self.bytes.len());
        to[..len].copy_from_slice(&self.bytes.split_to(len));
        Ok(len)
    }
}
