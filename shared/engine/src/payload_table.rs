//! How events and snapshots become bytes: bincode with fixed-width little-endian integers, in which a payload is written once
//! and referred to afterwards. An exited state's output is the next one's input, so a batch would otherwise hold most texts twice.
//!
//! What is written is one value (a batch's `Vec<Event>`, an `Execution`). The table of payloads begins empty with it and ends
//! with it; nothing refers from one value into another.

use std::{cell::RefCell, collections::BTreeMap};

use bincode::{
    Decode, Encode,
    config::{Configuration, Fixint, Limit, LittleEndian},
    de::{Decoder, read::Reader},
    enc::{Encoder, write::Writer},
    error::{DecodeError, EncodeError},
};

use crate::Payload;

/// Bytes that one decoded value may claim. A forged length is refused instead of being allocated.
const DECODED_BYTES_MAX: usize = 1 << 30;

/// Written before a payload's text; any other number is a reference to the payload with that number, counted from 1.
const NEW: u32 = 0;

fn config() -> Configuration<LittleEndian, Fixint, Limit<DECODED_BYTES_MAX>> {
    bincode::config::standard().with_little_endian().with_fixed_int_encoding().with_limit::<DECODED_BYTES_MAX>()
}

/// Appends the value's bytes to `out`.
pub fn encode_with_table(value: &impl Encode, out: &mut Vec<u8>) {
    let outer = WRITTEN.with(|written| written.replace(Some(Written::default())));
    assert!(outer.is_none(), "encoding does not nest: a value's payloads belong to one table");
    let encoded = bincode::encode_into_std_write(value, out, config());
    WRITTEN.with(|written| written.replace(None));
    encoded.expect("writing to memory does not fail");
}

/// The value that [`encode_with_table`] has written. Bytes that are left over are an error.
pub fn decode_with_table<T: Decode<PayloadTable>>(bytes: &[u8]) -> Result<T, DecodeError> {
    let (value, read) = bincode::decode_from_slice_with_context(bytes, config(), PayloadTable::default())?;
    if read != bytes.len() {
        return Err(DecodeError::OtherString(format!("{} bytes are left over", bytes.len() - read)));
    }
    Ok(value)
}

/// The payloads that one value's bytes have held so far, while they are read.
#[derive(Default)]
pub struct PayloadTable(Vec<Payload>);

thread_local! {
    /// The payloads that the value being encoded has held so far. bincode's encoders carry no context, hence the thread's.
    static WRITTEN: RefCell<Option<Written>> = const { RefCell::new(None) };
}

/// Addresses of the payloads written so far. They stay put meanwhile: the value being encoded holds them.
#[derive(Default)]
struct Written {
    /// The first few, in order: most batches need no more.
    few: [usize; Self::FEW],
    many: BTreeMap<usize, u32>,
    count: u32,
}

impl Written {
    const FEW: usize = 16;

    /// The payload's number when it was written before; else it gets the next one.
    fn reference(&mut self, address: usize) -> Option<u32> {
        let few = &self.few[..Self::FEW.min(self.count as usize)];
        if let Some(index) = few.iter().rposition(|known| *known == address) {
            return Some(index as u32 + 1);
        }
        if let Some(number) = self.many.get(&address) {
            return Some(*number);
        }
        self.add(address);
        None
    }

    fn add(&mut self, address: usize) {
        match self.few.get_mut(self.count as usize) {
            Some(place) => *place = address,
            None => {
                self.many.insert(address, self.count + 1);
            }
        }
        self.count += 1;
    }
}

impl Encode for Payload {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let reference = WRITTEN.with_borrow_mut(|written| {
            let written = written.as_mut().expect("payloads are encoded by encode_with_table only");
            written.reference(self.address())
        });
        match reference {
            Some(number) => number.encode(encoder),
            None => {
                NEW.encode(encoder)?;
                let length = u32::try_from(self.len()).map_err(|_| EncodeError::Other("a payload is longer than 4 GiB"))?;
                length.encode(encoder)?;
                encoder.writer().write(self.text().as_bytes())
            }
        }
    }
}

impl Decode<PayloadTable> for Payload {
    fn decode<D: Decoder<Context = PayloadTable>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let number = u32::decode(decoder)?;
        if number != NEW {
            let known = decoder.context().0.get(number as usize - 1).cloned();
            return known.ok_or(DecodeError::Other("a reference to a payload that is not there"));
        }
        let payload = Payload::from_text(decode_text(decoder)?);
        decoder.context().0.push(payload.clone());
        Ok(payload)
    }
}

bincode::impl_borrow_decode_with_context!(Payload, PayloadTable);

fn decode_text<D: Decoder>(decoder: &mut D) -> Result<String, DecodeError> {
    let length = u32::decode(decoder)? as usize;
    decoder.claim_bytes_read(length)?;
    // The length is looked up in the input before memory is taken for it.
    let bytes = match decoder.reader().peek_read(length) {
        Some(bytes) => bytes.to_vec(),
        None => return Err(DecodeError::UnexpectedEnd { additional: length }),
    };
    decoder.reader().consume(length);
    String::from_utf8(bytes).map_err(|error| DecodeError::Utf8 { inner: error.utf8_error() })
}
