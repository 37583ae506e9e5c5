//! The items in one object.

use std::sync::Arc;

use crate::compression::{UnpackError, Unpacker};
use crate::cursor::ObjectAt;
use crate::format::{Csv, Format, Input, Json, JsonLines, Place, Step};
use crate::spec::{CsvHeaderLocation, InputType, ReaderConfig};
use crate::store::{Bucket, Source, Versioned};
use crate::{Item, ReadFailure};

use super::source_of;

/// Longest file, as AWS has it; of a compressed one, unpacked.
const FILE_BYTES_MAX: u64 = 10 * 1024 * 1024 * 1024;

/// Reads an object of text.
pub(super) struct TextItems {
    bytes: Bytes,
    format: Format,
    source: Arc<str>,
    /// Where reading stands after the last item.
    place: Place,
    position: u64,
}

/// The text of an object, unpacked.
struct Bytes {
    object: Source,
    unpacker: Option<Unpacker>,
    input: Input,
}

impl TextItems {
    /// Opens an object at a place in it.
    pub(super) async fn open(
        bucket: Bucket,
        bucket_name: &str,
        object: Versioned<'_>,
        config: &ReaderConfig,
        at: ObjectAt,
    ) -> Result<Self, ReadFailure> {
        let mut format = format(config, at.place)?;
        let mut bytes = Bytes::open(bucket.clone(), object, &at, begins_at(&format, &at, object.key)).await?;
        if let Format::Csv(csv) = &mut format
            && at.byte > 0
            && csv.lacks_headers()
        {
            bytes.read_headers(csv).await?;
            if bytes.unpacker.is_none() {
                bytes = Bytes::open(bucket, object, &at, at.byte).await?;
            }
        }
        bytes.skip_to(at.byte).await?;
        Ok(Self { bytes, format, source: source_of(bucket_name, Some(object.key)), place: at.place, position: at.byte })
    }

    /// After the last item.
    pub(super) fn at(&self) -> ObjectAt {
        let object = &self.bytes.object;
        let etag = object.etag().map(str::to_owned);
        ObjectAt { etag, byte: self.position, size: object.size(), place: self.place, row: 0 }
    }

    pub(super) async fn next(&mut self) -> Result<Option<Item>, ReadFailure> {
        loop {
            match self.format.next(&mut self.bytes.input)? {
                Step::Item(found) => {
                    self.position = self.bytes.input.position();
                    self.place = self.format.place();
                    return Ok(Some(Item { text: found.text, key: found.key, source: Arc::clone(&self.source) }));
                }
                Step::More => self.bytes.read().await?,
                Step::End => return Ok(None),
            }
        }
    }
}

/// The format of a text.
pub(super) fn format(config: &ReaderConfig, place: Place) -> Result<Format, ReadFailure> {
    let given = (config.csv_header_location == CsvHeaderLocation::Given).then_some(config.csv_headers.as_slice());
    Ok(match config.input_type {
        Some(InputType::Csv) => Format::Csv(Csv::new(config.csv_delimiter.byte(), given)?),
        Some(InputType::Json) => Format::Json(Box::new(Json::new(config.items_pointer.as_deref(), place)?)),
        Some(InputType::Jsonl) => Format::JsonLines(JsonLines::new(place)),
        Some(InputType::Parquet) | None => return Err(ReadFailure::new("The field 'InputType' is required in ReaderConfig.")),
    })
}

/// Compressed bytes have no position in the text, and the names of columns come first.
fn begins_at(format: &Format, at: &ObjectAt, key: &str) -> u64 {
    let needs_headers = matches!(format, Format::Csv(csv) if csv.lacks_headers());
    if needs_headers || Unpacker::for_key(key).is_some() { 0 } else { at.byte }
}

impl Bytes {
    async fn open(bucket: Bucket, object: Versioned<'_>, at: &ObjectAt, from: u64) -> Result<Self, ReadFailure> {
        let source = match from {
            0 => Source::open(bucket, object, 0, at.etag.as_deref()).await?,
            end if end == at.size => Source::at_end(bucket, object, at.etag.as_deref(), end),
            from => Source::open(bucket, object, from, at.etag.as_deref()).await?,
        };
        check_length(source.size(), object.key)?;
        Ok(Self { object: source, unpacker: Unpacker::for_key(object.key), input: Input::starting_at(from) })
    }

    /// Gets more text, or learns that there is none.
    async fn read(&mut self) -> Result<(), ReadFailure> {
        let Some(unpacker) = &mut self.unpacker else {
            match self.object.next().await? {
                Some(piece) => self.input.push(&piece),
                None => self.input.finish(),
            }
            return Ok(());
        };
        let before = self.input.rest().len();
        while self.input.rest().len() == before && !self.input.is_finished() {
            if unpacker.step(&mut self.input)? {
                continue;
            }
            match self.object.next().await? {
                Some(piece) => unpacker.push(piece),
                None => {
                    unpacker.finish()?;
                    self.input.finish();
                }
            }
        }
        check_length(self.input.position(), self.object.key())
    }

    async fn read_headers(&mut self, csv: &mut Csv) -> Result<(), ReadFailure> {
        while !csv.read_headers(&mut self.input)? {
            self.read().await?;
        }
        Ok(())
    }

    /// Steps over text that has been read before.
    async fn skip_to(&mut self, position: u64) -> Result<(), ReadFailure> {
        while self.input.position() < position && !(self.input.is_finished() && self.input.rest().is_empty()) {
            let wanted = usize::try_from(position - self.input.position()).unwrap_or(usize::MAX);
            self.input.advance(wanted.min(self.input.rest().len()));
            if self.input.position() < position {
                self.read().await?;
            }
        }
        Ok(())
    }
}

/// Whether the file may be so long.
pub(super) fn check_length(bytes: u64, key: &str) -> Result<(), ReadFailure> {
    if bytes <= FILE_BYTES_MAX {
        return Ok(());
    }
    Err(ReadFailure::new(format!("The file '{key}' exceeds the limit of {FILE_BYTES_MAX} bytes.")))
}

impl From<UnpackError> for ReadFailure {
    fn from(error: UnpackError) -> Self {
        Self::new(error.to_string())
    }
}
