//! The way to and from `jlens-core`: options, limits, results and errors.

use std::fmt;

use jlens_core::audit::{Outcome, Tracer, ValueRef};
use jlens_core::{Bindings, CancelToken, Document, Error, Node, Options};
use serde_json::Value;
use thiserror::Error as ThisError;

use super::Expression;
use super::documents::{self, Documents};
use super::fast_path::whole_states;
use super::functions::{Functions, draws_random};
use super::memory::{ARRAY_TIERS, Bound, Meter, TIERS, Tier};
use crate::{QueryError, Scope};

/// How much one evaluation may do. Never measured by the clock, so that the same evaluation always ends the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The nodes evaluated.
    pub steps_max: u64,
    /// How deep the evaluation nests: calls, and operators inside of each other.
    pub depth_max: usize,
}

/// The limits of the expressions of a state machine. AWS stops at 100 levels of its own, which are coarser.
const LIMITS: Limits = Limits { steps_max: 2_000_000, depth_max: 1_000 };

/// The steps of an expression with a regular expression: each may hide 1,024 steps of backtracking.
const PATTERN_STEPS_MAX: u64 = 100_000;

/// The steps after which such an expression is looked at: one that has done little but backtrack is stopped there.
const PATTERN_STEPS_FIRST: u64 = 4_000;

/// An expression has backtracked if fewer than one in so many of its steps were nodes.
const BACKTRACKED_PER_NODE: u64 = 4;

/// The longest text that an evaluation may build, in bytes.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// The longest array that an evaluation may build (AWS: 873,782).
const ITEMS_MAX: usize = 1_000_000;

/// [`ITEMS_MAX`] with `$distinct`, which compares each item with each other one and counts no steps for it.
const DISTINCT_ITEMS_MAX: usize = 20_000;

/// The largest result, in bytes of JSON; far above any payload limit, which is checked elsewhere.
const RESULT_BYTES_MAX: usize = 16 << 20;

/// The engine's code for an evaluation that takes more steps than it may.
const STEPS_EXCEEDED: &str = "U1006";

/// Evaluates an expression on documents converted for it.
pub(super) fn evaluate(
    expression: &Expression,
    documents: &Documents,
    scope: &Scope<'_>,
    field: &dyn fmt::Display,
) -> Result<Value, QueryError> {
    let drawn_before = scope.random.counter();
    match attempt(expression, documents, scope, drawn_before) {
        Ok(Some(value)) => Ok(value),
        Ok(None) if gives_function(expression, scope, drawn_before) => {
            Err(QueryError::UnsupportedResult { expression: expression.text().to_owned(), field: field.to_string() })
        }
        Ok(None) => Err(QueryError::Undefined { expression: expression.text().to_owned(), field: field.to_string() }),
        Err(error) => {
            Err(QueryError::Thrown { expression: expression.text().to_owned(), field: field.to_string(), reason: reason(&error) })
        }
    }
}

type Evaluated = jlens_core::Result<Option<Value>>;

/// The value. Whether a regular expression backtracks without an end shows early; what only takes many steps gets more of them.
fn attempt(expression: &Expression, documents: &Documents, scope: &Scope<'_>, drawn_before: u64) -> Evaluated {
    if !expression.needs().has_patterns {
        return bounded(expression, documents, scope, LIMITS.steps_max);
    }
    match bounded(expression, documents, scope, PATTERN_STEPS_FIRST) {
        Err(error) if error.code() == STEPS_EXCEEDED && !backtracks(expression, scope, drawn_before) => {
            scope.random.set_counter(drawn_before);
            bounded(expression, documents, scope, PATTERN_STEPS_MAX)
        }
        outcome => outcome,
    }
}

fn bounded(expression: &Expression, documents: &Documents, scope: &Scope<'_>, steps_max: u64) -> Evaluated {
    match expression.bound() {
        Bound::Steps => unmetered(expression, documents, scope, steps_max),
        Bound::Meter => metered(expression, scope, &options(expression, scope, steps_max)),
        Bound::Tiers => tiered(expression, scope, &TIERS, steps_max),
        Bound::ArrayTiers => tiered(expression, scope, &ARRAY_TIERS, steps_max),
    }
}

fn unmetered(expression: &Expression, documents: &Documents, scope: &Scope<'_>, steps_max: u64) -> Evaluated {
    let options = options(expression, scope, steps_max);
    let functions = Functions::new(draws(expression), scope.random);
    // No context exists; the restrictions see to it that none is asked for.
    let context = Document::new(&Value::Null);
    let outcome = expression.program().evaluate_document_with(&context, &documents.bound(), functions.bindings(), &options);
    functions.finish(scope.random);
    outcome
}

/// Stops when all that it builds comes to too much.
fn metered(expression: &Expression, scope: &Scope<'_>, options: &Options) -> Evaluated {
    let stop = CancelToken::new();
    let options = options.clone().cancel_token(stop.clone());
    let functions = Functions::new(draws(expression), scope.random);
    let bindings = bound_values(expression, scope, functions.bindings().clone());
    let outcome = expression.metered_program().evaluate_traced(Some(&Value::Null), &bindings, &options, &mut Meter::new(stop));
    functions.finish(scope.random);
    outcome
}

/// Tries again with other bounds as long as an evaluation meets those that it was given.
fn tiered(expression: &Expression, scope: &Scope<'_>, tiers: &[Tier], steps_max: u64) -> Evaluated {
    let options = options(expression, scope, steps_max);
    let drawn = scope.random.counter();
    let attempt = |tier: &Tier| {
        scope.random.set_counter(drawn);
        let bounded = options.clone().max_steps(tier.steps.min(steps_max)).max_string_length(tier.text_bytes);
        metered(expression, scope, &tier.items.map_or(bounded.clone(), |items| bounded.max_array_length(items)))
    };
    let (last, others) = tiers.split_last().expect("there are tiers");
    let ends = others.iter().map(attempt).find(|outcome| !meets_bounds(outcome));
    ends.unwrap_or_else(|| attempt(last))
}

fn meets_bounds(outcome: &Evaluated) -> bool {
    outcome.as_ref().is_err_and(|error| matches!(error.code(), "U1001" | STEPS_EXCEEDED))
}

/// `$states` and the workflow variables, as far as the expression reads them.
fn bound_values(expression: &Expression, scope: &Scope<'_>, bindings: Bindings) -> Bindings {
    documents::values(expression.needs(), scope).into_iter().fold(bindings, |bindings, (name, value)| bindings.var(name, value))
}

fn draws(expression: &Expression) -> bool {
    expression.needs().functions.iter().any(|name| draws_random(name))
}

fn options(expression: &Expression, scope: &Scope<'_>, steps_max: u64) -> Options {
    let calls = |function| expression.needs().functions.contains(function);
    Options::new()
        .now(scope.now_ms)
        .seed(if calls("shuffle") { scope.random.next_u64() } else { 0 })
        .max_steps(steps_max)
        .max_depth(LIMITS.depth_max)
        .max_string_length(TEXT_BYTES_MAX)
        .max_array_length(if calls("distinct") { DISTINCT_ITEMS_MAX } else { ITEMS_MAX })
        .max_result_size(RESULT_BYTES_MAX)
}

/// JSONata's code and message. The codes of limits are the engine's own, so their texts are AWS's instead.
fn reason(error: &Error) -> String {
    match error.code() {
        "U1001" | "U1003" => "Expression evaluation memory limit exceeded".to_owned(),
        STEPS_EXCEEDED => "Expression evaluation step limit exceeded".to_owned(),
        code => format!("{code}: {}", message(error)),
    }
}

/// JSONata's message. Its numbers are doubles, which the engine prints with a fraction even if they have none.
pub(super) fn message(error: &Error) -> String {
    let details = ["token", "value", "value2", "exp"].into_iter().filter_map(|key| error.detail(key)?.as_f64());
    details
        .filter(|number| number.fract() == 0.0 && number.abs() < 1e15)
        .fold(error.message(), |message, number| message.replacen(&format!("{number:.1}"), &format!("{number}"), 1))
}

/// Whether a result that is no value is a function rather than nothing. Only a traced evaluation tells, and only a
/// failing state pays for it.
fn gives_function(expression: &Expression, scope: &Scope<'_>, drawn_before: u64) -> bool {
    let mut tracer = ResultType::default();
    let steps_max = if expression.needs().has_patterns { PATTERN_STEPS_MAX } else { LIMITS.steps_max };
    trace(expression, scope, drawn_before, steps_max, &mut tracer);
    tracer.is_function
}

/// Whether an expression that has taken [`PATTERN_STEPS_FIRST`] steps has spent them inside of its regular expressions.
fn backtracks(expression: &Expression, scope: &Scope<'_>, drawn_before: u64) -> bool {
    let mut tracer = NodeCount::default();
    trace(expression, scope, drawn_before, PATTERN_STEPS_FIRST, &mut tracer);
    tracer.nodes < PATTERN_STEPS_FIRST / BACKTRACKED_PER_NODE
}

/// Evaluates the expression once more, for the tracer. The error, if there is one, is that of the first evaluation.
fn trace(expression: &Expression, scope: &Scope<'_>, drawn_before: u64, steps_max: u64, tracer: &mut dyn Tracer) {
    let random = crate::Random::new(0, 0);
    random.set_counter(drawn_before);
    let options = options(expression, &Scope { random: &random, ..*scope }, steps_max);
    let functions = Functions::new(draws(expression), &random);
    let bindings = scope.variables.names().into_iter().fold(functions.bindings().clone(), |bindings, name| {
        let value = scope.variables.get(&name).cloned().unwrap_or_default();
        bindings.var(name, value)
    });
    let bindings = bindings.var("states", whole_states(scope));
    let _ = expression.program().evaluate_traced(Some(&Value::Null), &bindings, &options, tracer);
}

#[derive(Default)]
struct NodeCount {
    nodes: u64,
}

impl Tracer for NodeCount {
    fn enter(&mut self, _node: &Node, _input: ValueRef<'_>) {
        self.nodes += 1;
    }
}

#[derive(Default)]
struct ResultType {
    is_function: bool,
}

impl Tracer for ResultType {
    fn end(&mut self, outcome: Outcome<'_>) {
        self.is_function = matches!(outcome, Outcome::Value(value) if value.type_name() == "function");
    }
}

/// Why plain JSONata failed.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[error("{code}: {message}")]
pub struct JsonataError {
    /// JSONata's code, `S0201` for example.
    pub code: String,
    /// JSONata's message.
    pub message: String,
    /// The token that the error is about.
    pub token: Option<String>,
}

/// Evaluates JSONata without Step Functions' restrictions and additions: `data` is the context, `bindings` are
/// variables, all functions are JSONata's own. `None` is JSONata's undefined, for `data` and for the result. `$now()`
/// is `now_ms`, milliseconds since 1970 UTC.
///
/// It is what the official test suite of JSONata is run through.
pub fn evaluate_plain(
    expression: &str,
    data: Option<&Value>,
    bindings: &[(String, Value)],
    now_ms: i64,
    limits: Limits,
) -> Result<Option<Value>, JsonataError> {
    let options = Options::new().now(now_ms).seed(0).max_steps(limits.steps_max).max_depth(limits.depth_max);
    let program = jlens_core::Expression::compile(expression).map_err(plain_error)?;
    let documents: Vec<(&str, Document)> = bindings.iter().map(|(name, value)| (name.as_str(), Document::new(value))).collect();
    let bound: Vec<(&str, &Document)> = documents.iter().map(|(name, document)| (*name, document)).collect();
    let outcome = match data {
        Some(data) => program.evaluate_document_with(&Document::new(data), &bound, &Bindings::new(), &options),
        None => program.evaluate_with(None, &bindings.iter().cloned().collect(), &options),
    };
    outcome.map_err(plain_error)
}

fn plain_error(error: Error) -> JsonataError {
    JsonataError { code: error.code().to_owned(), message: message(&error), token: error.token() }
}
