//! What the children give, in the order of their indices, as long as it fits into a payload.

use std::collections::BTreeMap;

use serde_json::json;

use super::{ChildEnd, ChildOutcome};
use crate::{Payload, PayloadTable};

/// Those of children that have succeeded stay; what stands for a failure goes when a redrive does it again.
#[derive(Clone, Debug, Default, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub(super) struct Outputs {
    succeeded: Part,
    failed: Part,
}

#[derive(Clone, Debug, Default, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
struct Part {
    by_index: BTreeMap<u64, Payload>,
    bytes: u64,
    /// They did not fit, and are not kept.
    is_too_large: bool,
}

impl Part {
    fn add(&mut self, index: u64, output: Payload, bytes_max: u64) {
        self.bytes += output.len() as u64 + 1;
        self.is_too_large |= self.bytes > bytes_max + 1;
        if self.is_too_large {
            self.by_index.clear();
        } else {
            self.by_index.insert(index, output);
        }
    }
}

impl Outputs {
    /// What a child gives; all of them may have `bytes_max` bytes.
    pub(super) fn add(&mut self, end: &ChildEnd, bytes_max: u64) {
        let Some(output) = output(end) else { return };
        let part = if end.outcome == ChildOutcome::Succeeded { &mut self.succeeded } else { &mut self.failed };
        part.add(end.index, output, bytes_max);
    }

    /// What had not succeeded is done again.
    pub(super) fn redrive(&mut self) {
        self.failed = Part::default();
    }

    /// The array; `None` if it is too large.
    pub(super) fn array(&self) -> Option<Payload> {
        if self.succeeded.is_too_large || self.failed.is_too_large {
            return None;
        }
        let all: BTreeMap<u64, &Payload> =
            [&self.succeeded, &self.failed].into_iter().flat_map(|part| &part.by_index).map(|(index, output)| (*index, output)).collect();
        let mut array = String::with_capacity((self.succeeded.bytes + self.failed.bytes) as usize + 2);
        array.push('[');
        for (place, output) in all.values().enumerate() {
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
