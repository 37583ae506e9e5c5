//! What the value of a `.$` key, ErrorPath and CausePath may be: a path or an intrinsic call.

use std::borrow::Cow;

use serde_json::Value;

use crate::text::compact;
use crate::{Intrinsic, Path, PathError, QueryError, Scope, SyntaxError};

/// A path or a call of an intrinsic function.
#[derive(Debug, Clone)]
pub enum PathOrIntrinsic {
    /// It starts with `$`.
    Path(Path),
    /// It starts with `States.`.
    Intrinsic(Intrinsic),
}

impl PathOrIntrinsic {
    /// Reads either.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        if text.trim_start().starts_with('$') {
            Path::parse(text).map(PathOrIntrinsic::Path)
        } else {
            Intrinsic::parse(text).map(PathOrIntrinsic::Intrinsic)
        }
    }

    /// The value, as a payload template takes it: an indefinite path that finds nothing is an empty array, an index
    /// outside of its array null, and any other absence an error that names `field` (`value.$`, `ErrorPath`).
    pub fn eval(&self, scope: &Scope<'_>, field: &str) -> Result<Value, QueryError> {
        match self {
            PathOrIntrinsic::Intrinsic(intrinsic) => intrinsic.eval(scope),
            PathOrIntrinsic::Path(path) => match path.read(scope) {
                Ok(value) => Ok(Cow::into_owned(value)),
                Err(error) => absent(path, error, scope, field),
            },
        }
    }

    /// The workflow variables read, sorted, each once.
    pub fn variables(&self) -> Vec<String> {
        match self {
            PathOrIntrinsic::Path(path) => path.variables().into_iter().map(str::to_owned).collect(),
            PathOrIntrinsic::Intrinsic(intrinsic) => intrinsic.variables(),
        }
    }

    /// The text as written.
    pub fn text(&self) -> &str {
        match self {
            PathOrIntrinsic::Path(path) => path.text(),
            PathOrIntrinsic::Intrinsic(intrinsic) => intrinsic.text(),
        }
    }
}

/// What a template makes of a path that gave nothing, as recorded from AWS.
fn absent(path: &Path, error: PathError, scope: &Scope<'_>, field: &str) -> Result<Value, QueryError> {
    match error {
        PathError::NotFound { .. } | PathError::NotApplicable { .. } if !path.is_definite() => Ok(Value::Array(Vec::new())),
        PathError::IndexOutOfRange { .. } => Ok(Value::Null),
        PathError::NotFound { .. } | PathError::NotApplicable { .. } => Err(QueryError::PathNotFound {
            path: path.text().to_owned(),
            field: field.to_owned(),
            input: compact(if path.is_context() { scope.context.value() } else { scope.input }),
        }),
        PathError::LimitExceeded { .. } | PathError::ResultPathMatchFailure { .. } => Err(QueryError::Path(error)),
    }
}
