//! What one evaluation may read. Everything an expression depends on is here: the same scope gives the same result.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Random;

/// What expressions may read in one evaluation.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// `$` in JSONPath; `$states.input` in JSONata.
    pub input: &'a Value,
    /// `$$` in JSONPath; `$states.context` in JSONata. Built when first read.
    pub context: &'a dyn ContextObject,
    /// The workflow variables in scope.
    pub variables: &'a dyn Variables,
    /// `$states.result`, where the field has it.
    pub result: Option<&'a Value>,
    /// `$states.errorOutput`, where the field has it.
    pub error_output: Option<&'a Value>,
    /// Randomness from the execution's seed.
    pub random: &'a Random,
    /// The time of the evaluation in milliseconds since 1970 UTC, for `$now()` and `$millis()` of JSONata.
    pub now_ms: i64,
}

/// The Context Object. It is asked for only when an expression reads it, so that it can be built then.
pub trait ContextObject {
    /// The whole object. It is the same value each time.
    fn value(&self) -> &Value;
}

impl ContextObject for Value {
    fn value(&self) -> &Value {
        self
    }
}

/// The workflow variables in scope, by name without `$`.
pub trait Variables {
    /// The value of a variable; `None` when it is not assigned in this scope.
    fn get(&self, name: &str) -> Option<&Value>;

    /// The names of all variables in scope.
    fn names(&self) -> Vec<String>;
}

/// A scope without variables.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoVariables;

impl Variables for NoVariables {
    fn get(&self, _name: &str) -> Option<&Value> {
        None
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Variables for BTreeMap<String, Value> {
    fn get(&self, name: &str) -> Option<&Value> {
        BTreeMap::get(self, name)
    }

    fn names(&self) -> Vec<String> {
        self.keys().cloned().collect()
    }
}
