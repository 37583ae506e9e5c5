//! JSONPath in the dialect that AWS speaks, which is Jayway's JsonPath with three roots: `$` the input, `$$` the Context
//! Object, `$name` a workflow variable.
//!
//! A definite path gives the node it addresses, an indefinite one the array of all nodes it matches. No Rust crate
//! agrees with Jayway, hence this one.

mod cursor;
mod eval;
mod failure;
mod filter;
mod function;
mod parse;
mod reference;
mod token;

use std::borrow::Cow;

use serde_json::Value;

use crate::{PathError, Scope, SyntaxError};
use failure::Failure;
pub use reference::ReferencePath;
use token::Steps;

/// A Path, as InputPath, OutputPath and the values of `.$` keys hold one.
#[derive(Debug, Clone)]
pub struct Path {
    text: String,
    root: Root,
    steps: Steps,
    plain: bool,
    definite: bool,
}

/// The document that a path starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Root {
    /// `$`
    Input,
    /// `$$`
    Context,
    /// `$name`
    Variable(String),
}

impl Path {
    /// Reads a path. One without a root starts at the input, as Jayway has it.
    pub fn parse(text: &str) -> Result<Path, SyntaxError> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(SyntaxError::schema("A path can not be empty"));
        }
        let (root, rest) = split_root(trimmed);
        let steps = parse::parse_steps(&rest.chars().collect::<Vec<char>>(), 0)?;
        let (plain, definite) = (steps.is_plain(), steps.is_definite());
        Ok(Path { text: text.to_owned(), root, steps, plain, definite })
    }

    /// The value of the path: the node of a definite path, the array of all matches of an indefinite one.
    pub fn eval(&self, scope: &Scope<'_>) -> Result<Value, PathError> {
        self.read(scope).map(Cow::into_owned)
    }

    /// The node of a definite path of names and indexes, without a copy. `None` when nothing is there, and for every
    /// other kind of path, which [`Self::eval`] evaluates.
    pub fn eval_ref<'s>(&self, scope: &Scope<'s>) -> Option<&'s Value> {
        if !self.plain {
            return None;
        }
        eval::read_plain(&self.steps, self.document(scope)?).ok()
    }

    /// Whether the path addresses one node at most.
    pub fn is_definite(&self) -> bool {
        self.definite
    }

    /// The path as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The workflow variable that the path starts from.
    pub fn variables(&self) -> Vec<&str> {
        match &self.root {
            Root::Variable(name) => vec![name],
            Root::Input | Root::Context => Vec::new(),
        }
    }

    /// Whether the path is `$`, so that the input can be passed on as it is.
    pub fn is_whole_input(&self) -> bool {
        self.root == Root::Input && self.is_root()
    }

    /// Whether the path starts from the Context Object (`$$`).
    pub fn is_context(&self) -> bool {
        self.root == Root::Context
    }

    fn is_root(&self) -> bool {
        self.plain && self.steps.tokens.is_empty()
    }

    /// As [`Self::eval`], without copying a node that is part of a document.
    pub(crate) fn read<'s>(&self, scope: &Scope<'s>) -> Result<Cow<'s, Value>, PathError> {
        let document = self.document(scope).ok_or_else(|| self.unknown_variable())?;
        eval::read(&self.steps, document).map_err(|failure| self.error(&failure, document))
    }

    /// The document that the path starts from; `None` when its variable is not assigned.
    pub(crate) fn document<'s>(&self, scope: &Scope<'s>) -> Option<&'s Value> {
        match &self.root {
            Root::Input => Some(scope.input),
            Root::Context => Some(scope.context.value()),
            Root::Variable(name) => scope.variables.get(name),
        }
    }

    fn unknown_variable(&self) -> PathError {
        let reason = format!("Variable {} is not defined", self.variables().join(""));
        PathError::NotFound { path: self.text.clone(), reason }
    }

    fn error(&self, failure: &Failure, document: &Value) -> PathError {
        let (path, reason) = (self.text.clone(), failure.reason(&self.steps, document));
        match failure {
            Failure::NoResults | Failure::MissingProperty(_) | Failure::NotAnObject(..) => PathError::NotFound { path, reason },
            Failure::OutOfRange => PathError::IndexOutOfRange { path, reason },
            Failure::NotAnArray(_) | Failure::NotFilterable(_) | Failure::NotApplicable(_) => PathError::NotApplicable { path, reason },
            Failure::LimitExceeded(limit) => PathError::LimitExceeded { path, limit },
        }
    }
}

/// Takes a path's root off its text.
fn split_root(text: &str) -> (Root, Cow<'_, str>) {
    let ends_root = |rest: &str| rest.is_empty() || rest.starts_with(['.', '[']);
    if let Some(rest) = text.strip_prefix("$$").filter(|rest| ends_root(rest)) {
        return (Root::Context, Cow::Borrowed(rest));
    }
    if let Some(rest) = text.strip_prefix(['$', '@']).filter(|rest| ends_root(rest)) {
        return (Root::Input, Cow::Borrowed(rest));
    }
    if let Some((name, rest)) = text.strip_prefix('$').and_then(split_variable) {
        return (Root::Variable(name.to_owned()), Cow::Borrowed(rest));
    }
    if let Some(rest) = text.strip_prefix('$') {
        return (Root::Input, Cow::Borrowed(rest));
    }
    (Root::Input, Cow::Owned(format!(".{text}")))
}

/// The identifier at the start of `text`, if a path can go on behind it.
fn split_variable(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let starts_well = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    (starts_well && (rest.is_empty() || rest.starts_with(['.', '[']))).then_some((name, rest))
}
