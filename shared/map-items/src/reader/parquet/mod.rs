//! The rows of a Parquet file, row group by row group.
//!
//! The library that decodes them wants to read when it likes and blocks meanwhile, so it works on a thread of its own and hands over a few
//! rows at a time; of the file, it has the pages in memory that it is decoding.

mod file;
mod row;
mod schema;

use std::collections::VecDeque;
use std::sync::Arc;

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, Length};
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::record::reader::RowIter;
use tokio::sync::mpsc;

use self::file::RemoteFile;
use super::source_of;
use super::text::check_length;
use crate::cursor::ObjectAt;
use crate::format::ITEM_BYTES_MAX;
use crate::store::{Bucket, Versioned};
use crate::{Item, ReadFailure};

/// Longest row group, as AWS has it: of its uncompressed bytes.
const ROW_GROUP_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Rows that are handed over at once, or so many bytes of them.
const BATCH_ROWS: usize = 256;
const BATCH_BYTES: usize = 256 * 1024;
/// Batches that wait.
const BATCHES: usize = 2;

type Batch = Result<Vec<Box<str>>, ReadFailure>;

/// Reads a Parquet file.
pub(super) struct ParquetItems {
    batches: mpsc::Receiver<Batch>,
    rows: VecDeque<Box<str>>,
    etag: Option<String>,
    row: u64,
    source: Arc<str>,
}

impl ParquetItems {
    /// From after so many rows.
    pub(super) async fn open(bucket: Bucket, bucket_name: &str, object: Versioned<'_>, at: ObjectAt) -> Result<Self, ReadFailure> {
        let file = RemoteFile::open(bucket, object, at.etag.as_deref()).await?;
        check_length(file.len(), object.key)?;
        let (sender, mut batches) = mpsc::channel(BATCHES);
        let (etag, row) = (file.etag().map(str::to_owned), at.row);
        let decoding = tokio::task::spawn_blocking({
            let sender = sender.clone();
            move || decode(file, row, &sender)
        });
        // The library has assertions about what it reads.
        tokio::spawn(async move {
            let failure = match decoding.await {
                Ok(Ok(())) => return,
                Ok(Err(failure)) => failure,
                Err(_) => invalid(&"the file is corrupt"),
            };
            let _ = sender.send(Err(failure)).await;
        });
        let rows = batches.recv().await.transpose()?.unwrap_or_default().into();
        Ok(Self { batches, rows, etag, row, source: source_of(bucket_name, Some(object.key)) })
    }

    /// After the last row that was given.
    pub(super) fn at(&self) -> ObjectAt {
        ObjectAt { etag: self.etag.clone(), row: self.row, ..ObjectAt::default() }
    }

    pub(super) async fn next(&mut self) -> Result<Option<Item>, ReadFailure> {
        while self.rows.is_empty() {
            match self.batches.recv().await {
                Some(batch) => self.rows = batch?.into(),
                None => return Ok(None),
            }
        }
        self.row += 1;
        let text = self.rows.pop_front();
        Ok(text.map(|text| Item { text, key: None, source: Arc::clone(&self.source) }))
    }
}

/// On a thread that may block. Ends early when nobody wants more.
fn decode(file: RemoteFile, rows_before: u64, sender: &mpsc::Sender<Batch>) -> Result<(), ReadFailure> {
    schema::check_depth(&file.footer()?)?;
    let file = SerializedFileReader::new(file).map_err(|error| failed(&error))?;
    let mut rows_before = rows_before;
    for (index, group) in file.metadata().row_groups().iter().enumerate() {
        let rows = u64::try_from(group.num_rows()).map_err(|_| invalid(&"a row group has less than no rows"))?;
        if rows <= rows_before {
            rows_before -= rows;
            continue;
        }
        if group.total_byte_size() > ROW_GROUP_BYTES_MAX as i64 {
            return Err(ReadFailure::new(format!("A row group of the dataset exceeds the limit of {ROW_GROUP_BYTES_MAX} bytes.")));
        }
        if !decode_group(&file, index, rows_before, sender)? {
            return Ok(());
        }
        rows_before = 0;
    }
    Ok(())
}

/// Whether anybody wants more.
fn decode_group(
    file: &SerializedFileReader<RemoteFile>,
    index: usize,
    rows_before: u64,
    sender: &mpsc::Sender<Batch>,
) -> Result<bool, ReadFailure> {
    let group = file.get_row_group(index).map_err(|error| failed(&error))?;
    let rows = RowIter::from_row_group(None, group.as_ref()).map_err(|error| failed(&error))?;
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for row in rows.skip(usize::try_from(rows_before).unwrap_or(usize::MAX)) {
        let text = row::text(&row.map_err(|error| failed(&error))?);
        if text.len() > ITEM_BYTES_MAX {
            // The rows before it are items.
            let _ = sender.blocking_send(Ok(std::mem::take(&mut batch)));
            return Err(ReadFailure::new(format!("An item of the dataset exceeds the limit of {ITEM_BYTES_MAX} bytes.")));
        }
        bytes += text.len();
        batch.push(text);
        if batch.len() == BATCH_ROWS || bytes >= BATCH_BYTES {
            bytes = 0;
            if sender.blocking_send(Ok(std::mem::take(&mut batch))).is_err() {
                return Ok(false);
            }
        }
    }
    Ok(batch.is_empty() || sender.blocking_send(Ok(batch)).is_ok())
}

/// What the library says; a failure of ours is inside if the store has failed.
fn failed(error: &ParquetError) -> ReadFailure {
    match error {
        ParquetError::External(source) => match source.downcast_ref::<ReadFailure>() {
            Some(failure) => failure.clone(),
            None => invalid(source),
        },
        error => invalid(error),
    }
}

fn invalid(problem: &dyn std::fmt::Display) -> ReadFailure {
    ReadFailure::new(format!("The dataset is not valid Parquet: {problem}."))
}

#[cfg(test)]
mod tests;
