//! JSONPath in the dialect of AWS, intrinsic functions and JSONata, as pure functions from value to value.
//!
//! Everything is read once, when a definition is compiled ([`Path`], [`ReferencePath`], [`PathOrIntrinsic`],
//! [`PayloadTemplate`], [`Expression`]), and evaluated many times against a [`Scope`], which holds all that an evaluation
//! may depend on: documents, variables, a seed and the time. The same scope gives the same result. Errors carry AWS's
//! names and texts.
//!
//! Values come from `serde_json`, which parses at most 128 levels deep; walking one down is therefore bounded.

mod error;
mod intrinsic;
pub mod jsonata;
mod jsonpath;
mod limits;
mod path_or_intrinsic;
mod random;
mod scope;
mod template;
pub mod text;

pub use error::{PathError, QueryError, SyntaxError, TemplateError, code, type_name};
pub use intrinsic::Intrinsic;
pub use jsonata::Expression;
pub use jsonpath::{Path, ReferencePath};
pub use path_or_intrinsic::PathOrIntrinsic;
pub use random::Random;
pub use scope::{ContextObject, NoVariables, Scope, Variables};
pub use serde_json::Value;
pub use template::{PayloadTemplate, TemplateEntry};
