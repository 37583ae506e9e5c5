//! What the children give, in the order of their indices, as long as it fits into a payload.

use std::collections::BTreeMap;

use serde_json::json;

use super::ChildEnd;
use crate::{Payload, PayloadTable};

#[derive(Clone, Debug, Default, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub(super) struct Outputs {
    by_index: BTreeMap<u64, Payload>,
    bytes: u64,
    /// They did not fit, and are not kept.
    is_too_large: bool,
}

/// What the array may have in bytes at most. The state's own limit may be smaller and is looked at when the array is put together.
const BYTES_MAX: u64 = 1 << 20;

impl Outputs {
    pub(super) fn add(&mut self, end: &ChildEnd) {
        let Some(output) = output(end) else { return };
        self.bytes += output.len() as u64 + 1;
        self.is_too_large |= self.bytes > BYTES_MAX;
        if self.is_too_large {
            self.by_index.clear();
        } else {
            self.by_index.insert(end.index, output);
        }
    }

    /// What a child gave counts no more: it is done again.
    pub(super) fn remove(&mut self, index: u64) {
        if let Some(output) = self.by_index.remove(&index) {
            self.bytes -= output.len() as u64 + 1;
        }
    }

    /// The array; `None` if it is too large.
    pub(super) fn array(&self) -> Option<Payload> {
        if self.is_too_large {
            return None;
        }
        let mut array = String::with_capacity(self.bytes as usize + 2);
        array.push('[');
        for (place, output) in self.by_index.values().enumerate() {
            if place > 0 {
                array.push(',');
            }
            array.push_str(output.text());
        }
        array.push(']');
        Some(Payload::from_text(array))
    }
}

/// A child that has failed and is tolerated stands in the array with its error.
fn output(end: &ChildEnd) -> Option<Payload> {
    match (&end.output, &end.failure) {
        (Some(output), _) => Some(output.clone()),
        (None, Some(failure)) => {
            let mut told = json!({});
            failure.error.iter().for_each(|error| told["Error"] = json!(&**error));
            failure.cause.iter().for_each(|cause| told["Cause"] = json!(&**cause));
            Some(Payload::from_value(told))
        }
        (None, None) => None,
    }
}
