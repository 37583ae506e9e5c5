//! What an evaluation reads, converted once into the form that JSONata works on, and only as far as it is read.

use std::fmt;

use jlens_core::Document;
use jlens_core::reads::Read;
use serde::ser::{self, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::needs::Needs;
use crate::{Expression, QueryError, Scope};

/// How deep a value may nest. `serde_json` parses at most 128 levels, and a template adds few.
const DEPTH_MAX: usize = 300;

/// A value that nests deeper than JSONata follows.
#[derive(Debug)]
pub(super) struct TooDeep;

impl TooDeep {
    /// The error of the expression that wanted to read the value.
    pub(super) fn of(&self, expression: &Expression, field: &dyn fmt::Display) -> QueryError {
        QueryError::Thrown {
            expression: expression.text().to_owned(),
            field: field.to_string(),
            reason: "Expression evaluation nesting limit exceeded".to_owned(),
        }
    }
}

/// `$states` and the workflow variables of one scope.
pub(super) struct Documents {
    named: Vec<(String, Document)>,
}

impl Documents {
    /// Converts what `needs` asks for.
    pub(super) fn build(needs: &Needs, scope: &Scope<'_>) -> Result<Self, TooDeep> {
        let named = named(needs, scope).into_iter().filter_map(|(name, read)| {
            let document = convert(name, read, scope).transpose()?;
            Some(document.map(|document| (name.clone(), document)))
        });
        Ok(Documents { named: named.collect::<Result<_, _>>()? })
    }

    /// The documents by the name they are bound to.
    pub(super) fn bound(&self) -> Vec<(&str, &Document)> {
        self.named.iter().map(|(name, document)| (name.as_str(), document)).collect()
    }
}

/// What is to be bound, and how much of it is read.
fn named<'n>(needs: &'n Needs, scope: &Scope<'_>) -> Vec<(&'n String, &'n Read)> {
    let shadowed: Vec<&String> = needs.functions.iter().filter(|name| scope.variables.get(name).is_some()).collect();
    let reads = needs.reads.iter().filter(|(name, _)| !shadowed.contains(name));
    let reads = reads.map(|(name, read)| (name, if shadowed.is_empty() { read } else { &Read::Whole }));
    let shadowing = shadowed.iter().map(|name| (*name, &Read::Whole));
    reads.chain(shadowing).collect()
}

/// The same as plain values. Only of what has been converted before, which shows that nothing nests too deeply.
pub(super) fn values(needs: &Needs, scope: &Scope<'_>) -> Vec<(String, Value)> {
    let value = |name: &str, read: &Read| match name {
        "states" => {
            let fields = states_fields(scope).filter_map(|(name, value)| {
                let read = match read {
                    Read::Whole => read,
                    Read::Fields(fields) => fields.get(name)?,
                };
                Some((name.to_owned(), cut(value(), read)))
            });
            Some(Value::Object(fields.collect()))
        }
        name => scope.variables.get(name).map(|value| cut(value, read)),
    };
    named(needs, scope).into_iter().filter_map(|(name, read)| Some((name.clone(), value(name, read)?))).collect()
}

fn cut(value: &Value, read: &Read) -> Value {
    match (read, value) {
        (Read::Fields(fields), Value::Object(members)) => {
            let read = members.iter().filter_map(|(name, value)| Some((name.clone(), cut(value, fields.get(name)?))));
            Value::Object(read.collect())
        }
        (Read::Fields(_), Value::Array(items)) => Value::Array(items.iter().map(|item| cut(item, read)).collect()),
        (_, value) => value.clone(),
    }
}

/// The document of one name; `None` for a variable that is not assigned, and for a function.
fn convert(name: &str, read: &Read, scope: &Scope<'_>) -> Result<Option<Document>, TooDeep> {
    if name == "states" {
        return document(&States { scope, read }).map(Some);
    }
    scope.variables.get(name).map(|value| document(&Cut::new(value, read))).transpose()
}

fn document(value: &impl Serialize) -> Result<Document, TooDeep> {
    Document::from_serialize(value).map_err(|_| TooDeep)
}

/// The fields of `$states` that exist in a scope, in AWS's order. The Context Object is built only when asked for.
pub(super) fn states_fields<'a>(scope: &Scope<'a>) -> impl Iterator<Item = (&'static str, impl Fn() -> &'a Value)> {
    let (input, context) = (scope.input, scope.context);
    let fields = [
        ("input", Some(StatesField::Value(input))),
        ("context", Some(StatesField::Context(context))),
        ("result", scope.result.map(StatesField::Value)),
        ("errorOutput", scope.error_output.map(StatesField::Value)),
    ];
    fields.into_iter().filter_map(|(name, field)| {
        let field = field?;
        Some((name, move || field.value()))
    })
}

#[derive(Clone, Copy)]
enum StatesField<'a> {
    Value(&'a Value),
    Context(&'a dyn crate::ContextObject),
}

impl<'a> StatesField<'a> {
    fn value(self) -> &'a Value {
        match self {
            StatesField::Value(value) => value,
            StatesField::Context(context) => context.value(),
        }
    }
}

/// `$states`, as far as it is read.
struct States<'s, 'a> {
    scope: &'s Scope<'a>,
    read: &'s Read,
}

impl Serialize for States<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in states_fields(self.scope) {
            match self.read {
                Read::Whole => map.serialize_entry(name, &Cut::new(value(), self.read))?,
                Read::Fields(fields) => {
                    if let Some(read) = fields.get(name) {
                        map.serialize_entry(name, &Cut::new(value(), read))?;
                    }
                }
            }
        }
        map.end()
    }
}

/// A value, as far as it is read.
struct Cut<'v> {
    value: &'v Value,
    read: &'v Read,
    /// How many arrays and objects are around it.
    depth: usize,
}

impl<'v> Cut<'v> {
    fn new(value: &'v Value, read: &'v Read) -> Self {
        Cut { value, read, depth: 0 }
    }

    fn inner<E: ser::Error>(&self, value: &'v Value, read: &'v Read) -> Result<Cut<'v>, E> {
        match self.depth + 1 {
            depth if depth < DEPTH_MAX => Ok(Cut { value, read, depth }),
            _ => Err(E::custom("the value nests too deeply")),
        }
    }
}

impl Serialize for Cut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.read, self.value) {
            (Read::Fields(fields), Value::Object(members)) => {
                let mut map = serializer.serialize_map(None)?;
                for (name, value) in members {
                    if let Some(read) = fields.get(name) {
                        map.serialize_entry(name, &self.inner(value, read)?)?;
                    }
                }
                map.end()
            }
            (read @ Read::Fields(_), Value::Array(items)) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                for value in items {
                    seq.serialize_element(&self.inner(value, read)?)?;
                }
                seq.end()
            }
            (Read::Whole, Value::Object(members)) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name, &self.inner(value, self.read)?)?;
                }
                map.end()
            }
            (Read::Whole, Value::Array(items)) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                for value in items {
                    seq.serialize_element(&self.inner(value, self.read)?)?;
                }
                seq.end()
            }
            (_, scalar) => scalar.serialize(serializer),
        }
    }
}
