//! How much one evaluation may do and give. All limits are counts, so the same evaluation always ends the same way.

use serde_json::Value;

/// The nodes of a document that one path may visit.
pub(crate) const PATH_STEPS_MAX: usize = 1_000_000;

/// [`PATH_STEPS_MAX`] in words.
pub(crate) const PATH_STEPS_LIMIT: &str = "1000000 visited nodes";

/// The steps of one path.
pub(crate) const PATH_TOKENS_MAX: usize = 512;

/// How deep filters, parentheses and negations nest in one path.
pub(crate) const PATH_NESTING_MAX: usize = 32;

/// How deep intrinsic calls nest (AWS documents 10).
pub(crate) const INTRINSIC_NESTING_MAX: usize = 10;

/// How deep payload templates nest. `serde_json` reads no document deeper than 128.
pub(crate) const TEMPLATE_NESTING_MAX: usize = 256;

/// What one evaluation may copy out of its documents, in bytes of JSON; far above any payload limit.
pub(crate) const COPIED_BYTES_MAX: usize = 64 << 20;

/// [`COPIED_BYTES_MAX`] in words.
pub(crate) const COPIED_BYTES_LIMIT: &str = "64 MiB copied";

/// The copies of one evaluation that are not worth measuring: each is as large as the document at most.
pub(crate) const UNMEASURED_COPIES: usize = 64;

/// The evaluation has copied more than [`COPIED_BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMuchCopied;

/// Counts the bytes copied by an evaluation that makes many copies.
pub(crate) struct CopyBudget {
    left: usize,
    measured: bool,
}

impl CopyBudget {
    /// The budget of an evaluation that makes `copies` copies at most.
    pub(crate) fn for_copies(copies: usize) -> Self {
        CopyBudget { left: COPIED_BYTES_MAX, measured: copies > UNMEASURED_COPIES }
    }

    /// Takes the size of `value` off the budget.
    pub(crate) fn spend(&mut self, value: &Value) -> Result<(), TooMuchCopied> {
        if !self.measured { Ok(()) } else { self.measure(value) }
    }

    fn measure(&mut self, value: &Value) -> Result<(), TooMuchCopied> {
        let own = match value {
            Value::String(text) => text.len() + 2,
            Value::Array(items) => {
                items.iter().try_for_each(|item| self.measure(item))?;
                items.len() + 2
            }
            Value::Object(members) => {
                members.values().try_for_each(|member| self.measure(member))?;
                members.keys().map(|key| key.len() + 4).sum::<usize>() + 2
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => 5,
        };
        self.left = self.left.checked_sub(own).ok_or(TooMuchCopied)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn many_copies_are_measured_and_few_are_not() {
        let large = json!("x".repeat(COPIED_BYTES_MAX / 4));
        let spend_eight = |mut budget: CopyBudget| (0..8).try_for_each(|_| budget.spend(&large));
        assert_eq!(spend_eight(CopyBudget::for_copies(8)), Ok(()));
        assert_eq!(spend_eight(CopyBudget::for_copies(UNMEASURED_COPIES + 1)), Err(TooMuchCopied));
    }
}
