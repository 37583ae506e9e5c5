//! Intrinsic functions: `States.Format('Order {}', $.id)`.

mod array;
mod encoding;
mod hash;
mod json;
mod math;
mod parse;
mod string;

use std::borrow::Cow;

use serde_json::Value;

use crate::limits::{COPIED_BYTES_LIMIT, CopyBudget, TooMuchCopied};
use crate::text::compact;
use crate::{Path, PathError, QueryError, Scope, SyntaxError};

pub(crate) use hash::digest;
pub(crate) use json::parse_json;

/// A call of an intrinsic function, arguments and all.
#[derive(Debug, Clone)]
pub struct Intrinsic {
    text: String,
    call: Call,
}

#[derive(Debug, Clone)]
struct Call {
    function: Function,
    arguments: Vec<Argument>,
}

#[derive(Debug, Clone)]
enum Argument {
    /// A number, a boolean or null.
    Literal(Value),
    Text(TextLiteral),
    Path(Path),
    Call(Call),
}

/// A text in single quotes.
#[derive(Debug, Clone)]
struct TextLiteral {
    /// As written: `States.Format` tells `{}` from `\{\}` by it.
    raw: String,
    value: Value,
}

/// The functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Format,
    StringToJson,
    JsonToString,
    JsonMerge,
    Array,
    ArrayPartition,
    ArrayContains,
    ArrayRange,
    ArrayGetItem,
    ArrayLength,
    ArrayUnique,
    Base64Encode,
    Base64Decode,
    Hash,
    MathRandom,
    MathAdd,
    StringSplit,
    Uuid,
}

/// Why a call fails.
enum Fault<'a> {
    /// An argument's path finds nothing.
    NotFound(&'a Path),
    /// An argument's path does not fit the input.
    NotApplicable(String),
    /// A function refuses its arguments.
    Refused(String),
}

impl From<TooMuchCopied> for Fault<'_> {
    fn from(_: TooMuchCopied) -> Self {
        Fault::Refused(format!("The evaluation exceeds its limit of {COPIED_BYTES_LIMIT}"))
    }
}

/// The values of a call's arguments. Those that are part of a document are not copied.
struct Arguments<'a>(Vec<Cow<'a, Value>>);

/// What a function makes of its arguments; `None` when they are not what it takes.
type Outcome = Option<Value>;

impl Intrinsic {
    /// Reads a call such as `States.Format('Order {}', $.id)`.
    pub fn parse(text: &str) -> Result<Intrinsic, SyntaxError> {
        let call = parse::parse_call(text)?;
        Ok(Intrinsic { text: text.to_owned(), call })
    }

    /// The value of the call.
    pub fn eval(&self, scope: &Scope<'_>) -> Result<Value, QueryError> {
        self.call.evaluate(scope).map_err(|fault| self.error(fault, scope))
    }

    /// The name of the outermost function: `States.Format`.
    pub fn function_name(&self) -> &'static str {
        self.call.function.name()
    }

    /// The workflow variables that the arguments read, sorted, each once.
    pub fn variables(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.call.collect_variables(&mut names);
        names.sort();
        names.dedup();
        names
    }

    /// The call as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn error(&self, fault: Fault<'_>, scope: &Scope<'_>) -> QueryError {
        let function = self.text.clone();
        match fault {
            Fault::NotFound(path) => {
                // AWS names the Context Object's path by one `$`, yet shows the state's input.
                let shown = if path.is_context() { path.text().trim_start().replacen('$', "", 1) } else { path.text().to_owned() };
                QueryError::ArgumentNotFound { function, path: shown, input: compact(scope.input) }
            }
            Fault::NotApplicable(reason) => QueryError::ArgumentNotApplicable { function, reason },
            Fault::Refused(reason) => QueryError::Intrinsic { function, reason },
        }
    }
}

impl Call {
    fn evaluate<'a>(&'a self, scope: &Scope<'a>) -> Result<Value, Fault<'a>> {
        let arguments = self.arguments.iter().map(|argument| argument.evaluate(scope)).collect::<Result<Vec<_>, _>>()?;
        let mut budget = CopyBudget::for_copies(arguments.len());
        arguments.iter().try_for_each(|argument| budget.spend(argument))?;
        self.apply(&Arguments(arguments), scope)
    }

    fn apply<'a>(&'a self, arguments: &Arguments<'_>, scope: &Scope<'a>) -> Result<Value, Fault<'a>> {
        let outcome = match self.function {
            Function::Format => return self.format(arguments),
            Function::StringToJson => json::string_to_json(arguments),
            Function::JsonToString => json::json_to_string(arguments),
            Function::JsonMerge => json::merge(arguments),
            Function::Array => Some(array::of(arguments)),
            Function::ArrayPartition => array::partition(arguments),
            Function::ArrayContains => array::contains(arguments),
            Function::ArrayRange => array::range(arguments),
            Function::ArrayGetItem => array::get_item(arguments),
            Function::ArrayLength => array::length(arguments),
            Function::ArrayUnique => array::unique(arguments),
            Function::Base64Encode => encoding::encode(arguments),
            Function::Base64Decode => encoding::decode(arguments),
            Function::Hash => hash::hash(arguments),
            Function::MathRandom => math::random(arguments, scope.random),
            Function::MathAdd => math::add(arguments),
            Function::StringSplit => string::split(arguments),
            Function::Uuid => arguments.none().map(|()| Value::String(scope.random.uuid())),
        };
        outcome.ok_or_else(|| Fault::Refused(format!("Invalid arguments in {}", self.function.name())))
    }

    /// The template is taken as written, escapes included, from a literal.
    fn format<'a>(&self, arguments: &Arguments<'_>) -> Result<Value, Fault<'a>> {
        let template = match self.arguments.first() {
            Some(Argument::Text(literal)) => Some(literal.raw.as_str()),
            _ => arguments.0.first().and_then(|template| template.as_str()),
        };
        let template = template.ok_or_else(|| Fault::Refused("Invalid arguments in States.Format".to_owned()))?;
        string::format(template, &arguments.0[1..]).map(Value::String).map_err(Fault::Refused)
    }

    fn collect_variables(&self, names: &mut Vec<String>) {
        for argument in &self.arguments {
            match argument {
                Argument::Path(path) => names.extend(path.variables().into_iter().map(str::to_owned)),
                Argument::Call(call) => call.collect_variables(names),
                Argument::Literal(_) | Argument::Text(_) => {}
            }
        }
    }
}

impl Argument {
    fn evaluate<'a>(&'a self, scope: &Scope<'a>) -> Result<Cow<'a, Value>, Fault<'a>> {
        match self {
            Argument::Literal(value) => Ok(Cow::Borrowed(value)),
            Argument::Text(literal) => Ok(Cow::Borrowed(&literal.value)),
            Argument::Call(call) => call.evaluate(scope).map(Cow::Owned),
            Argument::Path(path) => match path.read(scope) {
                Ok(value) => Ok(value),
                Err(error) => missing_argument(path, error),
            },
        }
    }
}

/// An indefinite path that finds nothing is an empty array; a definite one fails the call.
fn missing_argument<'a>(path: &'a Path, error: PathError) -> Result<Cow<'a, Value>, Fault<'a>> {
    match error {
        PathError::NotFound { .. } if !path.is_definite() => Ok(Cow::Owned(Value::Array(Vec::new()))),
        PathError::NotFound { .. } | PathError::IndexOutOfRange { .. } => Err(Fault::NotFound(path)),
        PathError::NotApplicable { reason, .. } => Err(Fault::NotApplicable(reason)),
        PathError::LimitExceeded { .. } | PathError::ResultPathMatchFailure { .. } => Err(Fault::NotApplicable(error.to_string())),
    }
}

impl Arguments<'_> {
    fn none(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    fn one(&self) -> Option<&Value> {
        match &self.0[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    fn two(&self) -> Option<(&Value, &Value)> {
        match &self.0[..] {
            [first, second] => Some((first, second)),
            _ => None,
        }
    }

    fn three(&self) -> Option<(&Value, &Value, &Value)> {
        match &self.0[..] {
            [first, second, third] => Some((first, second, third)),
            _ => None,
        }
    }
}

/// A number without its fraction, as AWS takes the arguments of the array functions and of MathRandom.
fn truncated(value: &Value) -> Option<i64> {
    match value.as_i64() {
        Some(whole) => Some(whole),
        // Beyond 2^53 a double has no neighbours to be told from.
        None => value.as_f64().map(f64::trunc).filter(|double| double.abs() <= 9_007_199_254_740_992.0).map(|double| double as i64),
    }
}

impl Function {
    const ALL: [Function; 18] = [
        Function::Format,
        Function::StringToJson,
        Function::JsonToString,
        Function::JsonMerge,
        Function::Array,
        Function::ArrayPartition,
        Function::ArrayContains,
        Function::ArrayRange,
        Function::ArrayGetItem,
        Function::ArrayLength,
        Function::ArrayUnique,
        Function::Base64Encode,
        Function::Base64Decode,
        Function::Hash,
        Function::MathRandom,
        Function::MathAdd,
        Function::StringSplit,
        Function::Uuid,
    ];

    fn from_name(name: &str) -> Option<Function> {
        Function::ALL.into_iter().find(|function| function.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Function::Format => "States.Format",
            Function::StringToJson => "States.StringToJson",
            Function::JsonToString => "States.JsonToString",
            Function::JsonMerge => "States.JsonMerge",
            Function::Array => "States.Array",
            Function::ArrayPartition => "States.ArrayPartition",
            Function::ArrayContains => "States.ArrayContains",
            Function::ArrayRange => "States.ArrayRange",
            Function::ArrayGetItem => "States.ArrayGetItem",
            Function::ArrayLength => "States.ArrayLength",
            Function::ArrayUnique => "States.ArrayUnique",
            Function::Base64Encode => "States.Base64Encode",
            Function::Base64Decode => "States.Base64Decode",
            Function::Hash => "States.Hash",
            Function::MathRandom => "States.MathRandom",
            Function::MathAdd => "States.MathAdd",
            Function::StringSplit => "States.StringSplit",
            Function::Uuid => "States.UUID",
        }
    }
}
