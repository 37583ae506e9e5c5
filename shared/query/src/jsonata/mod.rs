//! JSONata as Step Functions has it: `{% $states.input.order.total > 100 %}`.
//!
//! The language itself is `jlens-core`'s. Here is what AWS adds and takes away: `$states` and the workflow variables
//! instead of a context ([`restrictions`]), six functions more and `$eval` less ([`functions`]), AWS's error texts
//! ([`adapter`]), and a shortcut for plain paths ([`fast_path`]).

mod adapter;
mod documents;
mod fast_path;
mod functions;
mod memory;
mod needs;
mod restrictions;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::error::code;
use crate::{QueryError, Scope, SyntaxError};
pub use adapter::{JsonataError, Limits, evaluate_plain};
use documents::Documents;
use fast_path::FastPath;
use memory::Bound;
pub(crate) use needs::Needs;

const OPENING: &str = "{%";
const CLOSING: &str = "%}";

/// One JSONata expression. Clones share what was compiled.
#[derive(Clone)]
pub struct Expression(Arc<Compiled>);

struct Compiled {
    text: String,
    program: jlens_core::Expression,
    fast_path: Option<FastPath>,
    bound: Bound,
    /// The same program for evaluations with a meter.
    metered: Option<jlens_core::Expression>,
    needs: Needs,
    variables: Vec<String>,
    states_fields: Vec<String>,
}

impl Expression {
    /// Whether a string of a definition is an expression: it starts with `{%` and ends with `%}`, without blanks around.
    pub fn is_expression(text: &str) -> bool {
        text.len() >= OPENING.len() + CLOSING.len() && text.starts_with(OPENING) && text.ends_with(CLOSING)
    }

    /// Whether a string looks like an expression of which one brace is missing, which a definition may not have.
    pub fn is_half_expression(text: &str) -> bool {
        (text.starts_with(OPENING) || text.ends_with(CLOSING)) && !Expression::is_expression(text)
    }

    /// Reads `{% ... %}`, or what is between the braces. The first problem is reported.
    pub fn parse(text: &str) -> Result<Expression, SyntaxError> {
        Expression::parse_reporting_all(text).map_err(|mut errors| errors.swap_remove(0))
    }

    /// As [`Self::parse`], with every problem in the order written. There is one at least.
    pub fn parse_reporting_all(text: &str) -> Result<Expression, Vec<SyntaxError>> {
        let body = match Expression::is_expression(text) {
            true => &text[OPENING.len()..text.len() - CLOSING.len()],
            false => text,
        };
        let body = body.trim();
        let program = jlens_core::Expression::compile(body).map_err(|error| vec![invalid(&error)])?;
        let errors = restrictions::check(program.ast());
        if !errors.is_empty() {
            return Err(errors);
        }
        let compiled = Compiled::new(body, program).map_err(|error| vec![invalid(&error)])?;
        Ok(Expression(Arc::new(compiled)))
    }

    /// The value of the expression. `field` names its place in the state for errors: `Arguments/FunctionName`.
    pub fn eval(&self, scope: &Scope<'_>, field: &str) -> Result<Value, QueryError> {
        Batch::new(scope, &self.0.needs).eval(self, &field)
    }

    /// The workflow variables read, without `states`, sorted, each once.
    pub fn variables(&self) -> Vec<String> {
        self.0.variables.clone()
    }

    /// The fields of `$states` read by name (`input`, `result`, `errorOutput`, `context`), sorted, each once.
    pub fn states_fields(&self) -> &[String] {
        &self.0.states_fields
    }

    /// The expression without its braces and the blanks inside of them, as errors show it.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The value, if the expression is a plain path on which no array lies.
    fn plain_value<'s>(&self, scope: &Scope<'s>) -> Option<Cow<'s, Value>> {
        self.0.fast_path.as_ref()?.value(scope)
    }

    fn program(&self) -> &jlens_core::Expression {
        &self.0.program
    }

    fn metered_program(&self) -> &jlens_core::Expression {
        self.0.metered.as_ref().unwrap_or(&self.0.program)
    }

    fn bound(&self) -> Bound {
        self.0.bound
    }

    pub(crate) fn needs(&self) -> &Needs {
        &self.0.needs
    }
}

impl Compiled {
    /// An error if the program nests as deeply as the engine takes it, so that no call of it can be put into a block.
    fn new(body: &str, program: jlens_core::Expression) -> jlens_core::Result<Self> {
        let needs = Needs::of(&program);
        let bound = Bound::of(program.ast());
        let reporting = (bound != Bound::Steps).then(|| memory::with_reporting_calls(program.ast(), body)).flatten();
        let metered = reporting.map(|text| jlens_core::Expression::compile(&text)).transpose()?;
        Ok(Compiled {
            text: body.to_owned(),
            bound,
            metered,
            fast_path: FastPath::of(&program.ast().root),
            variables: needs::variables_read(&program),
            states_fields: needs::states_fields(program.ast()),
            needs,
            program,
        })
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.0.text).finish()
    }
}

/// AWS reports JSONata's message without its code.
fn invalid(error: &jlens_core::Error) -> SyntaxError {
    SyntaxError { code: code::INVALID_JSONATA_EXPRESSION, message: adapter::message(error), position: error.span().map(|span| span.start) }
}

/// Several expressions that are evaluated together and share the documents converted for them.
pub(crate) struct Batch<'s, 'a> {
    scope: &'s Scope<'a>,
    needs: &'s Needs,
    documents: Option<Documents>,
}

impl<'s, 'a> Batch<'s, 'a> {
    /// A batch of expressions that read what `needs` says, none of which has been evaluated yet.
    pub(crate) fn new(scope: &'s Scope<'a>, needs: &'s Needs) -> Self {
        Batch { scope, needs, documents: None }
    }

    /// The value of one of the batch's expressions.
    pub(crate) fn eval(&mut self, expression: &Expression, field: &dyn fmt::Display) -> Result<Value, QueryError> {
        if let Some(value) = expression.plain_value(self.scope) {
            return Ok(value.into_owned());
        }
        let documents = match &self.documents {
            Some(documents) => documents,
            None => {
                let documents = Documents::build(self.needs, self.scope);
                self.documents.insert(documents.map_err(|error| error.of(expression, field))?)
            }
        };
        adapter::evaluate(expression, documents, self.scope, field)
    }
}
