//! Choice states: every operator of the language, and JSONata conditions.

use std::cmp::Ordering;

use baton_asl::{Choice, ChoiceRule, Condition, Operand, Operator, Ordering as Wanted};
use baton_query::{Path, ReferencePath, Scope, Value};

use super::Answer;
use crate::{Payload, Then, data_flow, error_handling::Fault, evaluator::Evaluator, timestamp};

/// Goes where the first rule that holds leads, or to the `Default`. A rule brings its own `Assign` and `Output`; the state's own
/// belong to the `Default`.
pub(super) fn enter(at: &Evaluator<'_>, choice: &Choice) -> Result<Answer, Fault> {
    let input = data_flow::effective_input(at)?;
    let conditions = Conditions { at, input: &input };
    for rule in &choice.rules {
        if conditions.hold(&rule.condition)? {
            let ChoiceRule { next, assign, output, .. } = rule;
            return data_flow::pass_on_with(at, output.as_ref(), assign.as_ref(), Then::Next(*next)).map(Answer::GoTo);
        }
    }
    match choice.default {
        Some(default) => data_flow::pass_on(at, Then::Next(default)).map(Answer::GoTo),
        None => Err(at.runtime("Failed to transition out of the state. The state does not point to a next state.")),
    }
}

struct Conditions<'a> {
    at: &'a Evaluator<'a>,
    input: &'a Payload,
}

impl Conditions<'_> {
    /// Recursion is bounded by how deep a definition may nest.
    fn hold(&self, condition: &Condition) -> Result<bool, Fault> {
        match condition {
            Condition::Constant(value) => Ok(*value),
            Condition::Expression(expression) => {
                let value = data_flow::evaluate(self.at, expression, "Condition")?;
                value.as_bool().ok_or_else(|| self.at.unexpected_type(expression, "Condition", "boolean", &value))
            }
            Condition::And(all) => {
                for condition in all {
                    if !self.hold(condition)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Condition::Or(any) => {
                for condition in any {
                    if self.hold(condition)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Condition::Not(condition) => Ok(!self.hold(condition)?),
            Condition::Compare { variable, operator } => self.compare(variable, operator),
        }
    }

    fn compare(&self, variable: &Path, operator: &Operator) -> Result<bool, Fault> {
        let scope = self.at.scope(self.input.value());
        if let Some(value) = variable.eval_ref(&scope) {
            return self.applies(operator, value, &scope);
        }
        match (variable.eval(&scope), operator) {
            (Ok(value), _) => self.applies(operator, &value, &scope),
            (Err(_), Operator::IsPresent(wanted)) => Ok(!wanted),
            (Err(_), _) => Err(self.invalid(variable.text())),
        }
    }

    fn applies(&self, operator: &Operator, value: &Value, scope: &Scope<'_>) -> Result<bool, Fault> {
        match operator {
            Operator::Text(wanted, operand) => match operand {
                Operand::Literal(text) => Ok(text_is(*wanted, value.as_str(), Some(text))),
                Operand::Path(path) => Ok(text_is(*wanted, value.as_str(), self.operand(path, scope)?.as_str())),
            },
            Operator::StringMatches(pattern) => Ok(value.as_str().is_some_and(|text| matches(pattern, text))),
            Operator::Numeric(wanted, operand) => match operand {
                Operand::Literal(number) => Ok(number_is(*wanted, value.as_f64(), Some(*number))),
                Operand::Path(path) => Ok(number_is(*wanted, value.as_f64(), self.operand(path, scope)?.as_f64())),
            },
            Operator::Boolean(operand) => match operand {
                Operand::Literal(wanted) => Ok(value.as_bool() == Some(*wanted)),
                Operand::Path(path) => {
                    let wanted = self.operand(path, scope)?.as_bool();
                    Ok(wanted.is_some() && value.as_bool() == wanted)
                }
            },
            Operator::Timestamp(wanted, operand) => match operand {
                Operand::Literal(time) => Ok(time_is(*wanted, instant(value), Some(*time))),
                Operand::Path(path) => Ok(time_is(*wanted, instant(value), instant(self.operand(path, scope)?))),
            },
            Operator::IsNull(wanted) => Ok(value.is_null() == *wanted),
            Operator::IsPresent(wanted) => Ok(*wanted),
            Operator::IsNumeric(wanted) => Ok(value.is_number() == *wanted),
            Operator::IsString(wanted) => Ok(value.is_string() == *wanted),
            Operator::IsBoolean(wanted) => Ok(value.is_boolean() == *wanted),
            Operator::IsTimestamp(wanted) => Ok(instant(value).is_some() == *wanted),
        }
    }

    fn operand<'s>(&self, path: &ReferencePath, scope: &Scope<'s>) -> Result<&'s Value, Fault> {
        path.get(scope).map_err(|_| self.invalid(path.text()))
    }

    fn invalid(&self, path: &str) -> Fault {
        self.at.runtime(format!("Invalid path '{path}': The choice state's condition path references an invalid value."))
    }
}

/// Values of another type than the operator's never compare.
fn is(wanted: Wanted, ordering: Option<Ordering>) -> bool {
    let Some(ordering) = ordering else { return false };
    match wanted {
        Wanted::Equals => ordering.is_eq(),
        Wanted::LessThan => ordering.is_lt(),
        Wanted::GreaterThan => ordering.is_gt(),
        Wanted::LessThanEquals => ordering.is_le(),
        Wanted::GreaterThanEquals => ordering.is_ge(),
    }
}

/// Texts are ordered by UTF-16 code units, as Java orders them.
fn text_is(wanted: Wanted, left: Option<&str>, right: Option<&str>) -> bool {
    is(wanted, left.zip(right).map(|(left, right)| left.encode_utf16().cmp(right.encode_utf16())))
}

fn number_is(wanted: Wanted, left: Option<f64>, right: Option<f64>) -> bool {
    is(wanted, left.zip(right).and_then(|(left, right)| left.partial_cmp(&right)))
}

fn time_is(wanted: Wanted, left: Option<i128>, right: Option<i128>) -> bool {
    is(wanted, left.zip(right).map(|(left, right)| left.cmp(&right)))
}

fn instant(value: &Value) -> Option<i128> {
    value.as_str().and_then(timestamp::parse)
}

/// Whether the text is what the pattern says: `*` stands for any run of characters, `\*` and `\\` for themselves. Goes back to the
/// last `*` only, which is enough and takes at most the product of both lengths.
fn matches(pattern: &str, text: &str) -> bool {
    let pattern = tokens(pattern);
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut position, mut star) = (0, 0, None);
    while position < text.len() {
        match pattern.get(at) {
            Some(Token::Any) => {
                star = Some((at, position));
                at += 1;
            }
            Some(Token::One(wanted)) if *wanted == text[position] => {
                at += 1;
                position += 1;
            }
            Some(Token::One(_)) | None => {
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                (at, position) = (star_at + 1, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|token| matches!(token, Token::Any))
}

enum Token {
    Any,
    One(char),
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = pattern.chars().peekable();
    while let Some(next) = rest.next() {
        tokens.push(match next {
            '*' => Token::Any,
            '\\' => Token::One(rest.next_if(|escaped| matches!(escaped, '*' | '\\')).unwrap_or('\\')),
            other => Token::One(other),
        });
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let matching = [
            ("", ""),
            ("*", ""),
            ("*", "anything"),
            ("log-*.txt", "log-1.txt"),
            ("a*b*c", "a-b-b-c"),
            ("*.log", "zebra.log"),
            (r"foo\*bar", "foo*bar"),
            (r"a\\*", r"a\b"),
            (r"\x", r"\x"),
            ("**", "x"),
            ("*ab", "aab"),
            ("é*", "été"),
        ];
        for (pattern, text) in matching {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        let differing =
            [("", "a"), ("a", ""), ("log-*.txt", "log-1.txt2"), (r"foo\*bar", "fooxbar"), ("a*b", "ac"), ("A", "a"), (r"\\", "*")];
        for (pattern, text) in differing {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_of_stars_is_not_slow() {
        assert!(!matches(&"*a".repeat(200), &format!("{}b", "a".repeat(10_000))));
        assert!(!matches(&format!("{}b", "a*".repeat(100)), &"a".repeat(20_000)));
    }

    #[test]
    fn texts_compare_by_utf_16_units() {
        assert!(text_is(Wanted::LessThan, Some("A"), Some("AB")));
        assert!(text_is(Wanted::GreaterThanEquals, Some("b"), Some("B")));
        // U+10000 is written with units below U+FFFF.
        assert!(text_is(Wanted::LessThan, Some("\u{10000}"), Some("\u{ffff}")));
        assert!(!text_is(Wanted::Equals, None, Some("A")));
    }
}
