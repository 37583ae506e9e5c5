//! What TestState sees of a state while it runs. An execution runs without a probe, and notes nothing.

use std::cell::RefCell;

use baton_query::Value;

use crate::Payload;

/// Intermediate values of one state: `inspectionData` of TestState. What a state does not have, or did not get to, is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inspection {
    /// `afterInputPath`.
    pub after_input_path: Option<Payload>,
    /// `afterParameters`.
    pub after_parameters: Option<Payload>,
    /// `afterArguments`.
    pub after_arguments: Option<Payload>,
    /// `afterItemsPointer`, an array.
    pub after_items_pointer: Option<Value>,
    /// `afterItemsPath`, an array.
    pub after_items_path: Option<Value>,
    /// `afterItemSelector`, an array.
    pub after_item_selector: Option<Value>,
    /// `afterItemBatcher`, an array.
    pub after_item_batcher: Option<Value>,
    /// `result`.
    pub result: Option<Payload>,
    /// `afterResultSelector`.
    pub after_result_selector: Option<Payload>,
    /// `afterResultPath`.
    pub after_result_path: Option<Payload>,
    /// `maxConcurrency` as the state says it, 0 by default.
    pub max_concurrency: Option<i64>,
    /// `toleratedFailureCount`.
    pub tolerated_failure_count: Option<i64>,
    /// `toleratedFailurePercentage`.
    pub tolerated_failure_percentage: Option<f64>,
}

/// Stands beside one state while it is tested.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    /// The Context Object to use instead of the execution's own.
    pub(crate) context: Option<Value>,
    seen: RefCell<Inspection>,
}

impl Probe {
    pub(crate) fn new(context: Option<Value>) -> Self {
        Self { context, seen: RefCell::default() }
    }

    pub(crate) fn note(&self, note: impl FnOnce(&mut Inspection)) {
        note(&mut self.seen.borrow_mut());
    }

    /// What has been noted so far.
    pub(crate) fn seen(&self) -> Inspection {
        self.seen.borrow().clone()
    }
}
