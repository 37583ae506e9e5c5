//! The functions of numbers.

use serde_json::Value;

use super::{Arguments, Outcome, truncated};
use crate::Random;

/// `States.MathAdd(a, b)`: the sum of two whole numbers of 32 bits. Each number is rounded first, halves up.
pub(super) fn add(arguments: &Arguments<'_>) -> Outcome {
    let (a, b) = arguments.two()?;
    let sum = rounded(a)?.checked_add(rounded(b)?)?;
    Some(Value::from(sum))
}

/// Java's `Math.round`: the floor of the number and a half.
fn rounded(value: &Value) -> Option<i32> {
    let double = (value.as_f64()? + 0.5).floor();
    let fits = (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&double);
    fits.then_some(double as i32)
}

/// `States.MathRandom(start, end)`: a whole number from `start` up to, but not including, `end`. A third argument is
/// the seed, which makes the number repeatable.
pub(super) fn random(arguments: &Arguments<'_>, random: &Random) -> Outcome {
    let (start, end, seed) = match &arguments.0[..] {
        [start, end] => (start, end, None),
        [start, end, seed] => (start, end, Some(truncated(seed)?)),
        _ => return None,
    };
    let (start, end) = (truncated(start)?, truncated(end)?);
    if start >= end {
        return None;
    }
    Some(Value::from(match seed {
        Some(seed) => Random::new(seed.cast_unsigned(), 0).next_in(start, end),
        None => random.next_in(start, end),
    }))
}
