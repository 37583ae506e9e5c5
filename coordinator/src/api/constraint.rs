//! The constraints of the service model on single members of a request, and AWS's text for those that are violated:
//! `N validation error(s) detected: Value '…' at '…' failed to satisfy constraint: …`.
//!
//! An action names its members once, in the model's order, gets their values, and calls [`Constraints::done`], which answers all
//! violations together. Until then a missing required member stands as an empty value.

use std::ops::RangeInclusive;

use super::error::ApiError;

/// Lengths that many members have in common.
pub(super) const ARN: RangeInclusive<usize> = 1..=256;
/// ARNs of versions and map runs.
pub(super) const LONG_ARN: RangeInclusive<usize> = 1..=2000;
/// Names of machines, executions, activities, aliases and workers.
pub(super) const NAME: RangeInclusive<usize> = 1..=80;
/// Descriptions of versions and aliases.
pub(super) const DESCRIPTION: RangeInclusive<usize> = 0..=256;
/// `nextToken` of all operations but ListExecutions.
pub(super) const PAGE_TOKEN: RangeInclusive<usize> = 1..=1024;
/// `maxResults` of all operations that page; 0 stands for the default.
pub(super) const MAX_RESULTS: RangeInclusive<i64> = 0..=1000;

/// Collects violations.
#[derive(Debug, Default)]
pub(super) struct Constraints {
    violations: Vec<String>,
}

/// How the value of a member is counted and shown.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Counted in characters and shown.
    Plain,
    /// The model calls it sensitive: counted in bytes, never shown.
    Sensitive,
}

impl Constraints {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Ends the request if anything is violated.
    pub(super) fn done(self) -> Result<(), ApiError> {
        if self.violations.is_empty() {
            return Ok(());
        }
        let count = self.violations.len();
        let plural = if count == 1 { "" } else { "s" };
        Err(ApiError::validation(format!("{count} validation error{plural} detected: {}", self.violations.join("; "))))
    }

    /// A required text.
    pub(super) fn required(&mut self, field: &str, value: Option<String>, len: RangeInclusive<usize>) -> String {
        self.present(field, value.is_some());
        self.optional(field, value, len).unwrap_or_default()
    }

    /// An optional text.
    pub(super) fn optional(&mut self, field: &str, value: Option<String>, len: RangeInclusive<usize>) -> Option<String> {
        self.text(field, value, len, Kind::Plain)
    }

    /// A required text that the model calls sensitive. Its length counts in bytes.
    pub(super) fn required_sensitive(&mut self, field: &str, value: Option<String>, len: RangeInclusive<usize>) -> String {
        self.present(field, value.is_some());
        self.optional_sensitive(field, value, len).unwrap_or_default()
    }

    /// An optional text that the model calls sensitive. Its length counts in bytes.
    pub(super) fn optional_sensitive(&mut self, field: &str, value: Option<String>, len: RangeInclusive<usize>) -> Option<String> {
        self.text(field, value, len, Kind::Sensitive)
    }

    /// A required list or structure.
    pub(super) fn required_value<T: Default>(&mut self, field: &str, value: Option<T>) -> T {
        self.present(field, value.is_some());
        value.unwrap_or_default()
    }

    /// Number of elements of a list, shown as `shown` gives it.
    pub(super) fn count(&mut self, field: &str, count: usize, range: RangeInclusive<usize>, shown: impl FnOnce() -> String) {
        if !range.contains(&count) {
            self.violated(&format!("Value '{}'", shown()), field, &length_rule(count, &range));
        }
    }

    /// A number.
    pub(super) fn number(&mut self, field: &str, value: Option<i64>, range: RangeInclusive<i64>) -> Option<i64> {
        self.in_range(field, &value?, &value?, &range);
        value
    }

    fn in_range<T: PartialOrd + std::fmt::Display>(
        &mut self,
        field: &str,
        number: &T,
        shown: &dyn std::fmt::Display,
        range: &RangeInclusive<T>,
    ) {
        let rule = if number < range.start() {
            format!("Member must have value greater than or equal to {}", range.start())
        } else if number > range.end() {
            format!("Member must have value less than or equal to {}", range.end())
        } else {
            return;
        };
        self.violated(&format!("Value '{shown}'"), field, &rule);
    }

    /// A number with a fraction.
    pub(super) fn decimal(&mut self, field: &str, value: Option<f64>, range: RangeInclusive<f64>) -> Option<f64> {
        let number = value?;
        // With its decimal point, also when nothing comes after it.
        self.in_range(field, &number, &format_args!("{number:?}"), &range);
        value
    }

    /// A required number.
    pub(super) fn required_number(&mut self, field: &str, value: Option<i64>, range: RangeInclusive<i64>) -> i64 {
        self.present(field, value.is_some());
        self.number(field, value, range).unwrap_or_default()
    }

    /// A text out of a closed set. `values` in the order in which AWS lists them.
    pub(super) fn one_of<T: Copy>(&mut self, field: &str, value: Option<&str>, values: &[(&str, T)]) -> Option<T> {
        let text = value?;
        let found = values.iter().find(|(name, _)| *name == text);
        if found.is_none() {
            let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
            let rule = format!("Member must satisfy enum value set: [{}]", names.join(", "));
            self.violated(&format!("Value '{text}'"), field, &rule);
        }
        found.map(|(_, value)| *value)
    }

    /// A text of a form. `pattern` as AWS shows it.
    pub(super) fn pattern(&mut self, field: &str, value: Option<&str>, pattern: &str, matches: impl Fn(&str) -> bool) {
        if let Some(text) = value.filter(|text| !matches(text)) {
            let rule = format!("Member must satisfy regular expression pattern: {pattern}");
            self.violated(&format!("Value '{text}'"), field, &rule);
        }
    }

    fn text(&mut self, field: &str, value: Option<String>, len: RangeInclusive<usize>, kind: Kind) -> Option<String> {
        let text = value?;
        let (count, shown) = match kind {
            // No text has more characters than bytes, so that the usual one is not counted.
            Kind::Plain if len.contains(&text.len()) && text.len() >= *len.start() * 4 => return Some(text),
            Kind::Plain => (text.chars().count(), Some(&text)),
            Kind::Sensitive => (text.len(), None),
        };
        if !len.contains(&count) {
            let value = shown.map_or("Value".to_owned(), |text| format!("Value '{text}'"));
            self.violated(&value, field, &length_rule(count, &len));
        }
        Some(text)
    }

    fn present(&mut self, field: &str, present: bool) {
        if !present {
            self.violated("Value null", field, "Member must not be null");
        }
    }

    fn violated(&mut self, value: &str, field: &str, rule: &str) {
        self.violations.push(format!("{value} at '{field}' failed to satisfy constraint: {rule}"));
    }
}

fn length_rule(count: usize, range: &RangeInclusive<usize>) -> String {
    if count < *range.start() {
        return format!("Member must have length greater than or equal to {}", range.start());
    }
    format!("Member must have length less than or equal to {}", range.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(check: impl FnOnce(&mut Constraints)) -> Option<String> {
        let mut constraints = Constraints::new();
        check(&mut constraints);
        constraints.done().err().map(|error| {
            assert_eq!(error.code(), "ValidationException");
            error.to_string()
        })
    }

    #[test]
    fn a_member_that_is_right_is_given_back() {
        let mut constraints = Constraints::new();
        assert_eq!(constraints.required("name", Some("é".repeat(80)), NAME), "é".repeat(80));
        assert_eq!(constraints.number("maxResults", Some(1000), MAX_RESULTS), Some(1000));
        assert_eq!(constraints.one_of("type", Some("B"), &[("A", 1), ("B", 2)]), Some(2));
        assert_eq!(constraints.optional("workerName", None, NAME), None);
        assert!(constraints.done().is_ok());
    }

    #[test]
    fn numbers_lengths_and_sets_have_their_texts() {
        assert_eq!(
            message(|it| _ = it.number("maxResults", Some(1001), MAX_RESULTS)).as_deref(),
            Some(
                "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 1000"
            )
        );
        assert_eq!(
            message(|it| _ = it.number("maxResults", Some(-1), MAX_RESULTS)).as_deref(),
            Some(
                "1 validation error detected: Value '-1' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 0"
            )
        );
        let token = "x".repeat(1025);
        assert_eq!(
            message(|it| drop(it.optional("nextToken", Some(token.clone()), PAGE_TOKEN))),
            Some(format!(
                "1 validation error detected: Value '{token}' at 'nextToken' failed to satisfy constraint: Member must have length less than or equal to 1024"
            ))
        );
        assert_eq!(
            message(|it| _ = it.one_of("statusFilter", Some("succeeded"), &[("SUCCEEDED", 0), ("FAILED", 1)])).as_deref(),
            Some(
                "1 validation error detected: Value 'succeeded' at 'statusFilter' failed to satisfy constraint: Member must satisfy enum value set: [SUCCEEDED, FAILED]"
            )
        );
    }

    #[test]
    fn several_violations_are_told_together() {
        let text = message(|it| {
            it.required("stateMachineArn", None, ARN);
            it.required("name", Some(String::new()), NAME);
        });
        assert_eq!(
            text.as_deref(),
            Some(
                "2 validation errors detected: Value null at 'stateMachineArn' failed to satisfy constraint: Member must not be null; \
                 Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1"
            )
        );
    }

    #[test]
    fn what_is_sensitive_counts_in_bytes_and_is_not_shown() {
        let text = message(|it| drop(it.optional_sensitive("input", Some("é".repeat(3)), 0..=5)));
        assert_eq!(
            text.as_deref(),
            Some(
                "1 validation error detected: Value at 'input' failed to satisfy constraint: Member must have length less than or equal to 5"
            )
        );
    }
}
