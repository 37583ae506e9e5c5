//! How many iterations of a Map state may fail.

use baton_asl::DistributedFields;

use crate::{Failure, Payload, data_flow, error_handling::Fault, evaluator::Evaluator};

/// `ToleratedFailureCount` and `ToleratedFailurePercentage`, as far as they are given.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tolerance {
    pub(crate) count: Option<u64>,
    pub(crate) percentage: Option<f64>,
}

impl Tolerance {
    pub(crate) fn of(at: &Evaluator<'_>, fields: &DistributedFields, input: &Payload) -> Result<Self, Fault> {
        Ok(Self { count: count(at, fields, input)?, percentage: percentage(at, fields, input)? })
    }

    /// Whether so many failures are too many. A state that names neither limit leaves that open.
    pub(crate) fn is_exceeded(&self, failures: u64, iterations: u64) -> bool {
        let share = failures as f64 * 100.0 / iterations.max(1) as f64;
        self.count.is_some_and(|count| failures > count) || self.percentage.is_some_and(|percentage| share > percentage)
    }

    /// The failure of the state then.
    pub(crate) fn exceeded() -> Failure {
        Failure::new("States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded")
    }
}

fn count(at: &Evaluator<'_>, fields: &DistributedFields, input: &Payload) -> Result<Option<u64>, Fault> {
    let Some(field) = &fields.tolerated_failure_count else { return Ok(None) };
    let name = "ToleratedFailureCount";
    let count = data_flow::integer(at, field, name, input)?;
    let tolerated = u64::try_from(count).map_err(|_| data_flow::unusable(at, field, name, format!("{name} cannot be negative.")))?;
    at.inspect(|seen| seen.tolerated_failure_count = Some(count));
    Ok(Some(tolerated))
}

fn percentage(at: &Evaluator<'_>, fields: &DistributedFields, input: &Payload) -> Result<Option<f64>, Fault> {
    let Some(field) = &fields.tolerated_failure_percentage else { return Ok(None) };
    let name = "ToleratedFailurePercentage";
    let percentage = data_flow::number(at, field, name, input)?;
    if !(0.0..=100.0).contains(&percentage) {
        return Err(data_flow::unusable_number(at, field, name, format!("{name} must be between 0 and 100.")));
    }
    at.inspect(|seen| seen.tolerated_failure_percentage = Some(percentage));
    Ok(Some(percentage))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_limit_is_enough_to_fail_and_none_never_is() {
        let tolerance = |count, percentage| Tolerance { count, percentage };
        assert!(!tolerance(None, None).is_exceeded(3, 3));
        assert!(!tolerance(Some(1), None).is_exceeded(1, 3));
        assert!(tolerance(Some(1), None).is_exceeded(2, 3));
        assert!(!tolerance(None, Some(50.0)).is_exceeded(1, 2));
        assert!(tolerance(None, Some(33.0)).is_exceeded(1, 3));
        assert!(tolerance(Some(9), Some(33.0)).is_exceeded(1, 3));
        assert!(!tolerance(None, Some(100.0)).is_exceeded(3, 3));
        assert!(!tolerance(Some(0), Some(0.0)).is_exceeded(0, 0));
    }
}
