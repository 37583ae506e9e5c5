//! Choice states: rules and their conditions.

use super::cursor::Cursor;
use super::fields::{CONDITION, NESTED_RULE, RULE};
use super::operator::OPERATORS;
use super::template::Reserved;
use super::{Context, Parsed, Parser};
use crate::diagnostic::Code;
use crate::message;
use crate::model::{Choice, ChoiceRule, Condition, QueryLanguage};

/// Ways to say when a rule holds, in AWS's order.
const SELECTORS: &[&str] = &["And", "Or", "Not", "Variable", "Condition"];
/// `And`, `Or` and `Not` within each other.
const MAX_CONDITION_DEPTH: usize = 64;

impl Parser<'_> {
    pub(crate) fn choice(&mut self, state: &Cursor<'_>, context: Context) -> Parsed<Choice> {
        let required = self.check_required(state, &["Choices"]);
        let rules = state.get("Choices").map(|choices| self.rules(&choices, context)).transpose();
        let default = state.get("Default").map(|default| self.target(&default, context)).transpose();
        required?;
        Ok(Choice { rules: rules?.expect("required above"), default: default? })
    }

    fn rules(&mut self, choices: &Cursor<'_>, context: Context) -> Parsed<Vec<ChoiceRule>> {
        self.filled_array(choices)?;
        let rules: Vec<_> = choices.items().map(|rule| self.rule(&rule, context)).collect();
        rules.into_iter().collect()
    }

    fn rule(&mut self, rule: &Cursor<'_>, context: Context) -> Parsed<ChoiceRule> {
        self.object(rule)?;
        let fields = self.check_fields(rule, context.language, &[RULE, CONDITION, OPERATORS]);
        let comment = self.comment(rule);
        let required = self.check_required(rule, &["Next"]);
        let next = rule.get("Next").map(|next| self.target(&next, context)).transpose();
        let condition = if fields.is_ok() { self.condition(rule, context, 0) } else { Err(super::Reported) };
        let assign = self.assign(rule, context, Reserved::NONE);
        let output = rule.get("Output").filter(|_| context.language == QueryLanguage::Jsonata);
        let output = output.map(|output| self.jsonata_template(&output, Reserved::NONE)).transpose();
        fields?;
        comment?;
        required?;
        Ok(ChoiceRule { condition: condition?, next: next?.expect("required above"), assign: assign?, output: output? })
    }

    /// The condition that an object spells out. Its fields have been checked.
    fn condition(&mut self, rule: &Cursor<'_>, context: Context, depth: usize) -> Parsed<Condition> {
        let given: Vec<&str> = SELECTORS.iter().copied().filter(|selector| rule.has(selector)).collect();
        let &[selector] = given.as_slice() else {
            return Err(self.error(rule, message::rule_selector(SELECTORS)));
        };
        let value = rule.get(selector).expect("it is given");
        match selector {
            "And" => self.conditions(&value, context, depth + 1).map(Condition::And),
            "Or" => self.conditions(&value, context, depth + 1).map(Condition::Or),
            "Not" => self.nested(&value, context, depth + 1).map(|condition| Condition::Not(Box::new(condition))),
            "Variable" => {
                let variable = self.variable_path(&value);
                let operator = self.operator(rule);
                Ok(Condition::Compare { variable: variable?, operator: operator? })
            }
            _ => self.jsonata_condition(&value),
        }
    }

    fn conditions(&mut self, list: &Cursor<'_>, context: Context, depth: usize) -> Parsed<Vec<Condition>> {
        self.filled_array(list)?;
        let conditions: Vec<_> = list.items().map(|item| self.nested(&item, context, depth)).collect();
        conditions.into_iter().collect()
    }

    fn nested(&mut self, rule: &Cursor<'_>, context: Context, depth: usize) -> Parsed<Condition> {
        self.object(rule)?;
        if depth > MAX_CONDITION_DEPTH {
            return Err(self.report(Code::TooDeeplyNested, rule, message::TOO_DEEPLY_NESTED));
        }
        let fields = self.check_fields(rule, context.language, &[NESTED_RULE, CONDITION, OPERATORS]);
        let comment = self.comment(rule);
        let condition = self.condition(rule, context, depth);
        fields?;
        comment?;
        condition
    }

    /// An expression, or a constant.
    fn jsonata_condition(&mut self, value: &Cursor<'_>) -> Parsed<Condition> {
        if value.node.text().is_some() {
            return self.expression(value, Reserved::NONE).map(Condition::Expression);
        }
        self.boolean(value).map(Condition::Constant)
    }
}
