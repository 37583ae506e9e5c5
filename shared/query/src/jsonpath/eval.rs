//! Applies a compiled path to a document.

use std::borrow::Cow;
use std::cell::Cell;

use serde_json::{Map, Value};

use super::failure::{Failure, java_class};
use super::filter::Filter;
use super::token::{PropertyName, Slice, Steps, Token};
use crate::limits::{CopyBudget, PATH_STEPS_LIMIT, PATH_STEPS_MAX};

/// What a missing member means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Behind an indefinite step it is one result less.
    Skipped,
    /// It fails the whole path, as in a test for existence.
    Fails,
}

/// What all paths of one evaluation share.
pub(crate) struct Context<'v> {
    /// The document: `$` in filters and arguments.
    pub(crate) root: &'v Value,
    steps_left: Cell<usize>,
}

impl<'v> Context<'v> {
    pub(crate) fn new(root: &'v Value) -> Self {
        Context { root, steps_left: Cell::new(PATH_STEPS_MAX) }
    }

    /// Counts `steps` visited nodes.
    pub(crate) fn spend(&self, steps: usize) -> Result<(), Failure> {
        let left = self.steps_left.get().checked_sub(steps);
        self.steps_left.set(left.ok_or(Failure::LimitExceeded(PATH_STEPS_LIMIT))?);
        Ok(())
    }
}

/// The value of a path in `root`: a definite path's node, an indefinite one's array of nodes.
pub(crate) fn read<'v>(steps: &Steps, root: &'v Value) -> Result<Cow<'v, Value>, Failure> {
    if steps.is_plain() {
        return read_plain(steps, root).map(Cow::Borrowed);
    }
    read_from(steps, root, &Context::new(root), Missing::Skipped)
}

/// The node that names and indexes lead to.
pub(crate) fn read_plain<'v>(steps: &Steps, root: &'v Value) -> Result<&'v Value, Failure> {
    let mut model = root;
    for (position, token) in steps.tokens.iter().enumerate() {
        model = match token {
            Token::Property(name) => plain_member(steps, position, name, model)?,
            Token::Index(index) => {
                let items = model.as_array().ok_or(Failure::NotAnArray(position))?;
                item_at(items, *index).ok_or(Failure::OutOfRange)?
            }
            _ => unreachable!("a plain path has only names and indexes"),
        };
    }
    Ok(model)
}

fn plain_member<'v>(steps: &Steps, position: usize, name: &PropertyName, model: &'v Value) -> Result<&'v Value, Failure> {
    let members = model.as_object().ok_or_else(|| Failure::NotAnObject(position, java_class(model)))?;
    name.find(members).ok_or(if steps.is_last(position) { Failure::NoResults } else { Failure::MissingProperty(position) })
}

/// The value of a path that starts at `start`, inside of the evaluation of another one.
pub(crate) fn read_from<'v>(steps: &Steps, start: &'v Value, context: &Context<'v>, missing: Missing) -> Result<Cow<'v, Value>, Failure> {
    if steps.is_plain() {
        context.spend(steps.tokens.len() + 1)?;
        return read_plain(steps, start).map(Cow::Borrowed);
    }
    let mut evaluation = Evaluation { steps, context, missing, results: Vec::new(), out_of_range: false };
    evaluation.walk(0, start)?;
    evaluation.finish()
}

struct Evaluation<'p, 'c, 'v> {
    steps: &'p Steps,
    context: &'c Context<'v>,
    missing: Missing,
    results: Vec<Cow<'v, Value>>,
    /// An index of a definite path was outside of its array.
    out_of_range: bool,
}

impl<'v> Evaluation<'_, '_, 'v> {
    fn finish(mut self) -> Result<Cow<'v, Value>, Failure> {
        if let Some(call) = &self.steps.aggregate {
            let matches = collect(self.results)?;
            return call.apply(&matches, self.context).map(Cow::Owned);
        }
        if !self.steps.is_definite() {
            return collect(self.results).map(Cow::Owned);
        }
        self.results.pop().ok_or(if self.out_of_range { Failure::OutOfRange } else { Failure::NoResults })
    }

    /// Applies the steps from `position` on to `model`.
    fn walk(&mut self, position: usize, model: &'v Value) -> Result<(), Failure> {
        self.context.spend(1)?;
        let steps = self.steps;
        match steps.tokens.get(position) {
            None => {
                self.results.push(Cow::Borrowed(model));
                Ok(())
            }
            Some(Token::Property(name)) => self.property(position, name, model),
            Some(Token::Properties(names)) if steps.is_last(position) => self.merge(position, names, model),
            Some(Token::Properties(names)) => names.iter().try_for_each(|name| self.property(position, name, model)),
            Some(Token::Index(index)) => self.indexes(position, &[*index], model),
            Some(Token::Indexes(indexes)) => self.indexes(position, indexes, model),
            Some(Token::Slice(slice)) => self.slice(position, *slice, model),
            Some(Token::Wildcard) => self.wildcard(position, model),
            Some(Token::Scan) => self.scan(position, model),
            Some(Token::Filter(filter)) => self.filter(position, filter, model),
            Some(Token::Function(call)) => {
                let value = call.apply(model, self.context)?;
                self.walk_owned(position + 1, value)
            }
        }
    }

    /// Goes on with a value that is not part of the document.
    fn walk_owned(&mut self, position: usize, value: Value) -> Result<(), Failure> {
        if position == self.steps.tokens.len() {
            self.results.push(Cow::Owned(value));
            return Ok(());
        }
        // The document is the root of filters still, but a value that lives shorter than it needs a context of its own.
        let context = Context { root: self.context.root, steps_left: Cell::new(self.context.steps_left.get()) };
        let mut rest = Evaluation { steps: self.steps, context: &context, missing: self.missing, results: Vec::new(), out_of_range: false };
        rest.walk(position, &value)?;
        let found: Vec<Value> = rest.results.into_iter().map(Cow::into_owned).collect();
        self.out_of_range |= rest.out_of_range;
        self.context.steps_left.set(context.steps_left.get());
        self.results.extend(found.into_iter().map(Cow::Owned));
        Ok(())
    }

    fn property(&mut self, position: usize, name: &PropertyName, model: &'v Value) -> Result<(), Failure> {
        let Some(members) = self.members(position, model)? else { return Ok(()) };
        match name.find(members) {
            Some(value) => self.walk(position + 1, value),
            None => self.missing_member(position),
        }
    }

    fn missing_member(&self, position: usize) -> Result<(), Failure> {
        let strict = self.missing == Missing::Fails;
        if self.steps.is_last(position) {
            return if strict { Err(Failure::NoResults) } else { Ok(()) };
        }
        // `definite_before(position + 1)` takes the step itself in: one of several names may be missing.
        if strict || self.steps.definite_before(position + 1) {
            return Err(Failure::MissingProperty(position));
        }
        Ok(())
    }

    /// `['a','b']` at the end: an object of those members that are there.
    fn merge(&mut self, position: usize, names: &[PropertyName], model: &'v Value) -> Result<(), Failure> {
        let Some(members) = self.members(position, model)? else { return Ok(()) };
        let mut merged = Map::new();
        for name in names {
            match name.find(members) {
                Some(value) => {
                    merged.insert(name.for_new_member().to_owned(), value.clone());
                }
                None if self.missing == Missing::Fails => return Err(Failure::MissingProperty(position)),
                None => {}
            }
        }
        self.results.push(Cow::Owned(Value::Object(merged)));
        Ok(())
    }

    /// The members of an object. Anything else has none behind an indefinite step, and fails a definite path.
    fn members(&self, position: usize, model: &'v Value) -> Result<Option<&'v Map<String, Value>>, Failure> {
        match model {
            Value::Object(members) => Ok(Some(members)),
            _ if self.steps.definite_before(position) => Err(Failure::NotAnObject(position, java_class(model))),
            _ => Ok(None),
        }
    }

    /// The items of an array, as [`Self::members`].
    fn items(&self, position: usize, model: &'v Value) -> Result<Option<&'v [Value]>, Failure> {
        match model {
            Value::Array(items) => Ok(Some(items)),
            _ if self.steps.definite_before(position) => Err(Failure::NotAnArray(position)),
            _ => Ok(None),
        }
    }

    fn indexes(&mut self, position: usize, indexes: &[i32], model: &'v Value) -> Result<(), Failure> {
        let Some(items) = self.items(position, model)? else { return Ok(()) };
        for index in indexes {
            match item_at(items, *index) {
                Some(item) => self.walk(position + 1, item)?,
                None => self.out_of_range = true,
            }
        }
        Ok(())
    }

    /// A negative bound counts from the end, but for `[-4:1]`: it goes on from the end to the start, as in Jayway.
    fn slice(&mut self, position: usize, slice: Slice, model: &'v Value) -> Result<(), Failure> {
        let Some(items) = self.items(position, model)? else { return Ok(()) };
        let len = i32::try_from(items.len()).unwrap_or(i32::MAX);
        let from_end = |bound: i32| if bound < 0 { len + bound } else { bound };
        let (from, to) = match slice {
            Slice::From(from) => (from_end(from).max(0), len),
            Slice::To(to) => (0, from_end(to).min(len)),
            Slice::Between(from, to) => (from.max(-len), to.min(len)),
        };
        for index in from..to {
            if let Some(item) = item_at(items, index) {
                self.walk(position + 1, item)?;
            }
        }
        Ok(())
    }

    fn wildcard(&mut self, position: usize, model: &'v Value) -> Result<(), Failure> {
        match model {
            Value::Object(members) => members.values().try_for_each(|value| self.walk_child(position + 1, value)),
            Value::Array(items) => items.iter().try_for_each(|item| self.walk_child(position + 1, item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }

    /// A child in which nothing is found is passed over, unless the path tests for existence.
    fn walk_child(&mut self, position: usize, child: &'v Value) -> Result<(), Failure> {
        match self.walk(position, child) {
            Err(failure) if failure.is_not_found() && self.missing == Missing::Skipped => Ok(()),
            outcome => outcome,
        }
    }

    /// The next step at the value itself and at every array and object below it, from the top down.
    fn scan(&mut self, position: usize, model: &'v Value) -> Result<(), Failure> {
        let mut pending = vec![model];
        while let Some(node) = pending.pop() {
            self.context.spend(1)?;
            if self.scan_matches(position + 1, node)? {
                self.walk(position + 1, node)?;
            }
            match node {
                Value::Object(members) => pending.extend(members.values().rev()),
                Value::Array(items) => pending.extend(items.iter().rev()),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        Ok(())
    }

    /// Whether a scan applies the step at `position` to `node`: names to objects that have them all, indexes to
    /// arrays, a filter to what passes it.
    fn scan_matches(&self, position: usize, node: &Value) -> Result<bool, Failure> {
        let (array, object) = (node.is_array(), node.as_object());
        Ok(match self.steps.tokens.get(position) {
            Some(Token::Property(name)) => object.is_some_and(|members| name.find(members).is_some()),
            Some(Token::Properties(names)) if self.steps.is_last(position) => {
                object.is_some_and(|members| names.iter().all(|name| name.find(members).is_some()))
            }
            Some(Token::Properties(_)) => object.is_some(),
            Some(Token::Index(_) | Token::Indexes(_) | Token::Slice(_)) => array,
            Some(Token::Wildcard) => array || object.is_some(),
            Some(Token::Filter(filter)) => (array || object.is_some()) && filter.accepts(node, self.context)?,
            Some(Token::Function(_) | Token::Scan) | None => false,
        })
    }

    /// A filter picks the items of an array, and tests an object itself.
    fn filter(&mut self, position: usize, filter: &Filter, model: &'v Value) -> Result<(), Failure> {
        match model {
            Value::Object(_) => {
                if filter.accepts(model, self.context)? {
                    self.walk(position + 1, model)?;
                }
                Ok(())
            }
            Value::Array(items) => {
                for item in items {
                    self.context.spend(1)?;
                    if filter.accepts(item, self.context)? {
                        self.walk(position + 1, item)?;
                    }
                }
                Ok(())
            }
            _ if self.steps.definite_before(position) => Err(Failure::NotFilterable(position)),
            _ => Ok(()),
        }
    }
}

/// The array of all results.
fn collect(results: Vec<Cow<'_, Value>>) -> Result<Value, Failure> {
    let mut budget = CopyBudget::for_copies(results.len());
    let mut items = Vec::with_capacity(results.len());
    for result in results {
        budget.spend(&result)?;
        items.push(result.into_owned());
    }
    Ok(Value::Array(items))
}

/// The item at `index`, from the end if negative.
pub(crate) fn item_at(items: &[Value], index: i32) -> Option<&Value> {
    let distance = usize::try_from(index.unsigned_abs()).ok()?;
    let position = if index < 0 { items.len().checked_sub(distance)? } else { distance };
    items.get(position)
}
