//! The functions of texts.

use std::borrow::Cow;

use serde_json::Value;

use super::{Arguments, Outcome};
use crate::text::to_java_string;

/// `States.Format(template, ...)`: the template with each `{}` replaced by the next argument.
///
/// There are as many arguments as `{}`. A backslash takes the meaning from `{`, `}`, `'` and itself. Texts go in bare,
/// everything else as Java prints it.
pub(super) fn format(template: &str, arguments: &[Cow<'_, Value>]) -> Result<String, String> {
    let mut out = String::with_capacity(template.len() + 16 * arguments.len());
    let mut rest = template.chars();
    let mut placeholders = 0;
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some(escaped @ ('{' | '}' | '\'' | '\\')) => out.push(escaped),
                _ => return Err(invalid_template("a backslash must be followed by ', {, } or \\")),
            },
            '{' if rest.next() == Some('}') => {
                if let Some(argument) = arguments.get(placeholders) {
                    out.push_str(&to_java_string(argument));
                }
                placeholders += 1;
            }
            '{' => return Err(invalid_template("matching '}' not found for '{'")),
            '}' => return Err(invalid_template("matching '{' not found for '}'")),
            _ => out.push(c),
        }
    }
    if placeholders != arguments.len() {
        return Err("Invalid arguments in States.Format: number of arguments do not match the occurrences of {}.".to_owned());
    }
    Ok(out)
}

fn invalid_template(reason: &str) -> String {
    format!("Invalid template in States.Format: {reason}.")
}

/// `States.StringSplit(text, delimiters)`: every character of `delimiters` splits, and empty pieces are dropped.
pub(super) fn split(arguments: &Arguments<'_>) -> Outcome {
    let (text, delimiters) = arguments.two()?;
    let (text, delimiters) = (text.as_str()?, delimiters.as_str()?);
    let pieces = text.split(|c| delimiters.contains(c)).filter(|piece| !piece.is_empty());
    Some(Value::Array(pieces.map(Value::from).collect()))
}
