//! The functions that Step Functions adds to JSONata, and the one it takes away.
//!
//! As on AWS numbers lose their fraction, an argument that is missing makes the result undefined rather than an error,
//! and an argument of the wrong type fails as it does for JSONata's own functions.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use jlens_core::{Bindings, Error, HostFunction, Result};
use serde_json::Value;

use crate::Random;
use crate::intrinsic::{digest, parse_json};

/// The most items that `$range` makes, as measured on AWS.
const RANGE_ITEMS_MAX: usize = 360_145;

/// All functions, for the analysis of what expressions read.
pub(super) static ANALYSIS: LazyLock<Bindings> = LazyLock::new(|| with_random(&Arc::new(AtomicU64::new(0))));

/// The functions that depend on nothing but their arguments.
static PURE: LazyLock<Bindings> = LazyLock::new(|| {
    Bindings::new()
        .function("partition", function(2, partition))
        .function("range", function(3, range))
        .function("hash", function(2, hash))
        .function("parse", function(1, parse))
        .function("eval", function(2, |_| Err(Error::new("T1006"))))
});

type Argument = Option<Value>;

/// The functions for one evaluation. Those that draw random numbers share a counter, which [`Self::finish`] gives back.
pub(super) struct Functions {
    random: Option<(Bindings, Arc<AtomicU64>)>,
}

impl Functions {
    /// All functions if `draws`, else those that draw no random numbers.
    pub(super) fn new(draws: bool, random: &Random) -> Self {
        let counter = draws.then(|| Arc::new(AtomicU64::new(random.counter())));
        Functions { random: counter.map(|counter| (with_random(&counter), counter)) }
    }

    pub(super) fn bindings(&self) -> &Bindings {
        self.random.as_ref().map_or(&PURE, |(bindings, _)| bindings)
    }

    /// Takes over how many numbers were drawn.
    pub(super) fn finish(self, random: &Random) {
        if let Some((_, counter)) = self.random {
            random.set_counter(counter.load(Ordering::Relaxed));
        }
    }
}

/// The names of the functions that draw random numbers.
pub(super) fn draws_random(name: &str) -> bool {
    matches!(name, "random" | "uuid" | "shuffle")
}

fn with_random(counter: &Arc<AtomicU64>) -> Bindings {
    let (numbers, ids) = (counter.clone(), counter.clone());
    PURE.clone()
        .function("random", function(1, move |arguments| random(arguments, &numbers)))
        .function("uuid", function(0, move |_| Ok(Some(Value::String(draw(&ids, Random::uuid))))))
}

fn function(arity: usize, call: impl Fn(&[Argument]) -> Result<Option<Value>> + Send + Sync + 'static) -> HostFunction {
    HostFunction::new(arity, move |arguments, _| call(arguments)).without_input()
}

fn draw<T>(counter: &AtomicU64, take: impl Fn(&Random) -> T) -> T {
    let random = Random::new(0, 0);
    random.set_counter(counter.load(Ordering::Relaxed));
    let taken = take(&random);
    counter.store(random.counter(), Ordering::Relaxed);
    taken
}

/// `$random()` and, repeatable, `$random(seed)`: a number from 0 up to, but not including, 1.
fn random(arguments: &[Argument], counter: &AtomicU64) -> Result<Option<Value>> {
    let number = match arguments.first() {
        None | Some(None) => draw(counter, Random::next_f64),
        Some(Some(_)) => {
            let seed = whole_number("random", arguments, 0)?.unwrap_or(0);
            Random::new(seed.cast_unsigned(), 0).next_f64()
        }
    };
    Ok(Some(Value::from(number)))
}

/// `$partition(array, size)`: the array in pieces. A single value is an array of one.
fn partition(arguments: &[Argument]) -> Result<Option<Value>> {
    let (Some(array), Some(size)) = (argument(arguments, 0), whole_number("partition", arguments, 1)?) else {
        return Ok(None);
    };
    let items = match array {
        Value::Array(items) => &items[..],
        single => std::slice::from_ref(single),
    };
    let size = match usize::try_from(size) {
        Ok(size) if size > 0 && !items.is_empty() => size,
        _ => return Ok(None),
    };
    Ok(Some(Value::Array(items.chunks(size).map(|piece| Value::Array(piece.to_vec())).collect())))
}

/// `$range(first, last, step)`: whole numbers, `last` included. A single number is itself, not an array of one.
fn range(arguments: &[Argument]) -> Result<Option<Value>> {
    let bound = |index| whole_number("range", arguments, index);
    let (Some(first), Some(last), Some(step)) = (bound(0)?, bound(1)?, bound(2)?) else { return Ok(None) };
    let mut items = Vec::new();
    let mut next = Some(first);
    while let Some(number) = next.filter(|number| match step {
        1.. => *number <= last,
        0 => false,
        _ => *number >= last,
    }) {
        if items.len() == RANGE_ITEMS_MAX {
            return Err(Error::new("U1001").with("message", "The range is too long"));
        }
        items.push(Value::from(number));
        next = number.checked_add(step);
    }
    Ok(match items.len() {
        0 => None,
        1 => items.pop(),
        _ => Some(Value::Array(items)),
    })
}

/// `$hash(text, algorithm)`.
fn hash(arguments: &[Argument]) -> Result<Option<Value>> {
    let (Some(data), Some(algorithm)) = (text("hash", arguments, 0)?, text("hash", arguments, 1)?) else {
        return Ok(None);
    };
    digest(data, algorithm).map(|digest| Some(Value::String(digest))).ok_or_else(|| mismatch("hash", 1))
}

/// `$parse(text)`: the value that a JSON text stands for.
fn parse(arguments: &[Argument]) -> Result<Option<Value>> {
    let Some(json) = text("parse", arguments, 0)? else { return Ok(None) };
    parse_json(json).map(Some).ok_or_else(|| mismatch("parse", 0))
}

fn argument(arguments: &[Argument], index: usize) -> Option<&Value> {
    arguments.get(index)?.as_ref()
}

fn text<'a>(function: &str, arguments: &'a [Argument], index: usize) -> Result<Option<&'a str>> {
    argument(arguments, index).map(|value| value.as_str().ok_or_else(|| mismatch(function, index))).transpose()
}

/// A number without its fraction.
fn whole_number(function: &str, arguments: &[Argument], index: usize) -> Result<Option<i64>> {
    let Some(value) = argument(arguments, index) else { return Ok(None) };
    let number = value.as_f64().map(f64::trunc).filter(|number| number.abs() <= 9_007_199_254_740_992.0);
    number.map(|number| Some(number as i64)).ok_or_else(|| mismatch(function, index))
}

/// The error of JSONata's own functions for an argument of the wrong type.
fn mismatch(function: &str, index: usize) -> Error {
    Error::new("T0410").with("token", function).with("index", index + 1)
}
