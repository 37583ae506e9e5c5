//! `Assign`: which variables a state, rule or catcher sets.

use super::cursor::Cursor;
use super::template::Reserved;
use super::{Assignment, Context, Parsed, Parser};
use crate::diagnostic::Code;
use crate::message;
use crate::model::{Assign, QueryLanguage};
use crate::syntax::Range;

/// Characters of a variable's name.
const MAX_VARIABLE_NAME: usize = 80;

impl Parser<'_> {
    /// `Assign` of a state, rule or catcher.
    pub(crate) fn assign(&mut self, owner: &Cursor<'_>, context: Context, reserved: Reserved) -> Parsed<Option<Assign>> {
        let Some(assign) = owner.get("Assign") else { return Ok(None) };
        self.object(&assign)?;
        let mut names = Ok(());
        for (key, range, value) in assign.members() {
            names = self.variable(key, range, &value, context).and(names);
        }
        let template = self.template(&assign, context, reserved);
        names?;
        Ok(Some(Assign { template: template? }))
    }

    fn variable(&mut self, key: &str, range: Range, value: &Cursor<'_>, context: Context) -> Parsed<()> {
        let name = match context.language {
            QueryLanguage::JsonPath => key.strip_suffix(".$").unwrap_or(key),
            QueryLanguage::Jsonata => key,
        };
        let location = value.location();
        let problem = if name == "states" {
            Some((Code::ReservedVariableName, message::RESERVED_VARIABLE.to_owned()))
        } else if !is_variable_name(name) {
            Some((Code::InvalidVariableName, message::invalid_variable(name)))
        } else if name.chars().count() > MAX_VARIABLE_NAME {
            Some((Code::InvalidVariableName, message::long_variable(name, MAX_VARIABLE_NAME)))
        } else {
            None
        };
        if let Some((code, text)) = problem {
            return Err(self.report_at(code, text, location, range, None));
        }
        self.assignments.push(Assignment { flow: context.flow, name: name.to_owned(), location, range });
        Ok(())
    }
}

/// A letter, then letters, digits and underscores.
fn is_variable_name(name: &str) -> bool {
    name.starts_with(char::is_alphabetic) && name.chars().all(|character| character.is_alphanumeric() || character == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_variables() {
        for name in ["a", "aB_9", "ünï", "変数"] {
            assert!(is_variable_name(name), "{name}");
        }
        for name in ["", "1a", "_a", "a-b", "a.b", "a[0]", "a b", "$a"] {
            assert!(!is_variable_name(name), "{name}");
        }
    }
}
