//! The functions of paths: `$.items.length()`, `$.prices.max()`.

use serde_json::{Map, Value};

use super::cursor::Cursor;
use super::eval::{Context, Missing, read_from};
use super::failure::Failure;
use super::filter::FilterPath;
use super::parse::parse_steps;
use crate::SyntaxError;

/// A call of a function at the end of a path.
#[derive(Debug, Clone)]
pub(crate) struct FunctionCall {
    function: Function,
    parameters: Vec<Parameter>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Minimum,
    Maximum,
    Average,
    StandardDeviation,
    Sum,
    Length,
    Keys,
    Concatenate,
    Append,
    First,
    Last,
    Index,
}

/// An argument of a function: a path or JSON.
#[derive(Debug, Clone)]
pub(crate) enum Parameter {
    Path(FilterPath),
    Json(Value),
}

impl Parameter {
    pub(super) fn parse(text: &[char], nesting: usize) -> Result<Self, SyntaxError> {
        let mut cursor = Cursor::new(text);
        cursor.take_while(char::is_whitespace);
        let rest = cursor.slice(cursor.position(), text.len());
        match rest.first() {
            Some(root @ ('$' | '@')) => {
                let end = rest.iter().rposition(|c| !c.is_whitespace()).map_or(rest.len(), |last| last + 1);
                let steps = parse_steps(&rest[1..end], nesting)?;
                Ok(Parameter::Path(FilterPath { from_root: *root == '$', steps }))
            }
            _ => {
                let json: String = rest.iter().collect();
                serde_json::from_str(&json)
                    .map(Parameter::Json)
                    .map_err(|_| SyntaxError::schema(format!("Expected a path or JSON as argument: {json}")))
            }
        }
    }

    /// The argument's value; a path that finds nothing has none.
    fn evaluate(&self, context: &Context<'_>) -> Result<Option<Value>, Failure> {
        match self {
            Parameter::Json(value) => Ok(Some(value.clone())),
            Parameter::Path(path) => match read_from(&path.steps, context.root, context, Missing::Skipped) {
                Ok(value) => Ok(Some(value.into_owned())),
                Err(failure) if failure.is_not_found() => Ok(None),
                Err(failure) => Err(failure),
            },
        }
    }
}

impl FunctionCall {
    /// The call of the function `name`; `None` when there is no such function.
    pub(super) fn new(name: &str, parameters: Vec<Parameter>) -> Option<Self> {
        let function = Function::from_name(name)?;
        Some(FunctionCall { function, parameters })
    }

    pub(crate) fn name(&self) -> &'static str {
        self.function.name()
    }

    /// The function's value for `model`, the value of the path before it.
    pub(crate) fn apply(&self, model: &Value, context: &Context<'_>) -> Result<Value, Failure> {
        let mut arguments = Vec::new();
        for parameter in &self.parameters {
            arguments.extend(parameter.evaluate(context)?);
        }
        match self.function {
            Function::Minimum => self.aggregate(model, &arguments, |numbers| fold(numbers, f64::min)),
            Function::Maximum => self.aggregate(model, &arguments, |numbers| fold(numbers, f64::max)),
            Function::Average => self.aggregate(model, &arguments, average),
            Function::StandardDeviation => self.aggregate(model, &arguments, standard_deviation),
            Function::Sum => self.aggregate(model, &arguments, |numbers| numbers.iter().sum()),
            Function::Length => Ok(length(arguments.first().unwrap_or(model))),
            Function::Keys => Ok(model.as_object().map_or(Value::Null, keys)),
            Function::Concatenate => Ok(Value::String(concatenate(model, &arguments))),
            Function::Append => Ok(append(model, arguments)),
            Function::First => self.item(model, 0),
            Function::Last => self.item(model, -1),
            Function::Index => self.item(model, arguments.first().and_then(Value::as_i64).unwrap_or(0)),
        }
    }

    /// A function of the numbers of the array and of the arguments. There has to be one at least.
    fn aggregate(&self, model: &Value, arguments: &[Value], combine: impl Fn(&[f64]) -> f64) -> Result<Value, Failure> {
        let mut numbers: Vec<f64> = numbers_of(model.as_array().map_or(&[], Vec::as_slice)).collect();
        for argument in arguments {
            match argument {
                Value::Array(items) => numbers.extend(numbers_of(items)),
                other => numbers.extend(other.as_f64()),
            }
        }
        if numbers.is_empty() {
            let reason = "Aggregation function attempted to calculate value using empty array";
            return Err(Failure::NotApplicable(reason.to_owned()));
        }
        Ok(Value::from(combine(&numbers)))
    }

    fn item(&self, model: &Value, index: i64) -> Result<Value, Failure> {
        let items = model.as_array().map_or(&[][..], Vec::as_slice);
        let position = if index < 0 { index + i64::try_from(items.len()).unwrap_or(i64::MAX) } else { index };
        let item = usize::try_from(position).ok().and_then(|position| items.get(position));
        item.cloned().ok_or_else(|| Failure::NotApplicable(format!("Target index:{index} larger than object count:{}", items.len())))
    }
}

impl Function {
    fn from_name(name: &str) -> Option<Function> {
        Some(match name {
            "min" => Function::Minimum,
            "max" => Function::Maximum,
            "avg" => Function::Average,
            "stddev" => Function::StandardDeviation,
            "sum" => Function::Sum,
            "length" | "size" => Function::Length,
            "keys" => Function::Keys,
            "concat" => Function::Concatenate,
            "append" => Function::Append,
            "first" => Function::First,
            "last" => Function::Last,
            "index" => Function::Index,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Function::Minimum => "min",
            Function::Maximum => "max",
            Function::Average => "avg",
            Function::StandardDeviation => "stddev",
            Function::Sum => "sum",
            Function::Length => "length",
            Function::Keys => "keys",
            Function::Concatenate => "concat",
            Function::Append => "append",
            Function::First => "first",
            Function::Last => "last",
            Function::Index => "index",
        }
    }
}

fn numbers_of(items: &[Value]) -> impl Iterator<Item = f64> {
    items.iter().filter_map(Value::as_f64)
}

fn fold(numbers: &[f64], combine: impl Fn(f64, f64) -> f64) -> f64 {
    numbers.iter().copied().reduce(combine).unwrap_or(f64::NAN)
}

fn average(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

/// Of the whole population, not of a sample.
fn standard_deviation(numbers: &[f64]) -> f64 {
    let mean_of_squares = numbers.iter().map(|x| x * x).sum::<f64>() / numbers.len() as f64;
    (mean_of_squares - average(numbers).powi(2)).max(0.0).sqrt()
}

/// The items of an array, the members of an object; `null` for anything else.
fn length(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::from(items.len()),
        Value::Object(members) => Value::from(members.len()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Value::Null,
    }
}

fn keys(members: &Map<String, Value>) -> Value {
    Value::Array(members.keys().map(|key| Value::String(key.clone())).collect())
}

/// The texts of the array, then those among the arguments.
fn concatenate(model: &Value, arguments: &[Value]) -> String {
    let items = model.as_array().map_or(&[][..], Vec::as_slice);
    items.iter().chain(arguments).filter_map(Value::as_str).collect()
}

fn append(model: &Value, arguments: Vec<Value>) -> Value {
    let mut result = model.clone();
    if let Value::Array(items) = &mut result {
        items.extend(arguments);
    }
    result
}
