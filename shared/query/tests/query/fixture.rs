//! A scope to evaluate in, made of owned values.

use std::collections::BTreeMap;

use baton_query::{Random, Scope, Value};
use serde_json::json;

/// 2024-01-01T00:00:00Z in milliseconds.
pub(crate) const NOW_MS: i64 = 1_704_067_200_000;

pub(crate) struct Fixture {
    pub(crate) input: Value,
    pub(crate) context: Value,
    pub(crate) variables: BTreeMap<String, Value>,
    pub(crate) result: Option<Value>,
    pub(crate) error_output: Option<Value>,
    pub(crate) random: Random,
}

impl Fixture {
    pub(crate) fn new(input: Value) -> Self {
        Fixture {
            input,
            context: json!({"Execution": {"Id": "arn:e", "Name": "e"}, "State": {"Name": "S"}}),
            variables: BTreeMap::new(),
            result: None,
            error_output: None,
            random: Random::new(42, 1),
        }
    }

    pub(crate) fn with_variable(mut self, name: &str, value: Value) -> Self {
        self.variables.insert(name.to_owned(), value);
        self
    }

    pub(crate) fn scope(&self) -> Scope<'_> {
        Scope {
            input: &self.input,
            context: &self.context,
            variables: &self.variables,
            result: self.result.as_ref(),
            error_output: self.error_output.as_ref(),
            random: &self.random,
            now_ms: NOW_MS,
        }
    }
}
