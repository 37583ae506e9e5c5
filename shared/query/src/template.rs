//! Payload templates: JSON with parts that are computed, in either query language.
//!
//! In JSONPath a key that ends in `.$` has a path or an intrinsic call as value, and loses the ending. In JSONata every
//! string `{% ... %}` is an expression. Everything else stands for itself.

mod compile;

use std::fmt;

use serde_json::{Map, Value};

use crate::jsonata::{Batch, Needs};
use crate::limits::{COPIED_BYTES_LIMIT, CopyBudget};
use crate::{Expression, PathOrIntrinsic, QueryError, Scope, TemplateError};

/// A compiled payload template of either language.
#[derive(Debug, Clone)]
pub struct PayloadTemplate {
    root: Node,
    /// How many parts are computed.
    computed: usize,
    needs: Needs,
}

#[derive(Debug, Clone)]
enum Node {
    /// Without any computed part.
    Static(Value),
    Object(Vec<Member>),
    Array(Vec<Node>),
    /// The value of a key that ends in `.$`; `key` is that key.
    Path {
        key: String,
        source: PathOrIntrinsic,
    },
    Expression(Expression),
}

#[derive(Debug, Clone)]
struct Member {
    name: String,
    node: Node,
}

impl PayloadTemplate {
    /// Compiles a template of a JSONPath state. All problems are reported.
    pub fn jsonpath(template: &Value) -> Result<Self, Vec<TemplateError>> {
        compile::jsonpath(template).map(PayloadTemplate::new)
    }

    /// Compiles a template of a JSONata state. All problems are reported.
    pub fn jsonata(template: &Value) -> Result<Self, Vec<TemplateError>> {
        compile::jsonata(template).map(PayloadTemplate::new)
    }

    fn new(root: Node) -> Self {
        let mut expressions = Vec::new();
        root.collect_expressions(&Location::root(&""), &mut expressions);
        let needs = Needs::union(expressions.iter().map(|(_, expression)| expression.needs()));
        PayloadTemplate { computed: root.computed(), needs, root }
    }

    /// The template with its parts computed. `field` is where the template stands (`Arguments`, `Output`), for errors.
    pub fn render(&self, scope: &Scope<'_>, field: &str) -> Result<Value, QueryError> {
        self.renderer(scope, field).render(&self.root, &Location::root(&field))
    }

    /// The workflow variables read, sorted, each once.
    pub fn variables(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.root.collect_variables(&mut names);
        names.sort();
        names.dedup();
        names
    }

    /// Whether nothing is computed, so that the template is its own result.
    pub fn is_static(&self) -> bool {
        matches!(self.root, Node::Static(_))
    }

    /// The members of a template that is an object, in order, to be rendered one by one as Assign is. Empty for any
    /// other template.
    pub fn entries(&self) -> Vec<TemplateEntry<'_>> {
        match &self.root {
            Node::Object(members) => members
                .iter()
                .map(|member| TemplateEntry { template: self, name: &member.name, part: Part::Computed(&member.node) })
                .collect(),
            Node::Static(Value::Object(members)) => {
                members.iter().map(|(name, value)| TemplateEntry { template: self, name, part: Part::Static(value) }).collect()
            }
            Node::Static(_) | Node::Array(_) | Node::Path { .. } | Node::Expression(_) => Vec::new(),
        }
    }

    /// The expression that is the whole template, if it is one.
    pub fn as_expression(&self) -> Option<&Expression> {
        match &self.root {
            Node::Expression(expression) => Some(expression),
            Node::Static(_) | Node::Object(_) | Node::Array(_) | Node::Path { .. } => None,
        }
    }

    /// The JSONata expressions in the template, each with its place in it (`/a/b[0]`, or empty).
    pub fn expressions(&self) -> Vec<(String, &Expression)> {
        let mut expressions = Vec::new();
        self.root.collect_expressions(&Location::root(&""), &mut expressions);
        expressions
    }

    fn renderer<'r, 'a>(&'r self, scope: &'r Scope<'a>, field: &'r str) -> Renderer<'r, 'a> {
        Renderer { scope, field, budget: CopyBudget::for_copies(self.computed), batch: Batch::new(scope, &self.needs) }
    }
}

/// One member of a template that is an object.
#[derive(Clone, Copy)]
pub struct TemplateEntry<'t> {
    template: &'t PayloadTemplate,
    name: &'t str,
    part: Part<'t>,
}

#[derive(Clone, Copy)]
enum Part<'t> {
    Static(&'t Value),
    Computed(&'t Node),
}

impl<'t> TemplateEntry<'t> {
    /// The key, without `.$`.
    pub fn name(&self) -> &'t str {
        self.name
    }

    /// The member's value. `field` is where the whole template stands (`Assign`), for errors.
    pub fn render(&self, scope: &Scope<'_>, field: &str) -> Result<Value, QueryError> {
        match self.part {
            Part::Static(value) => Ok(value.clone()),
            Part::Computed(node) => {
                let root = Location::root(&field);
                self.template.renderer(scope, field).render(node, &root.member(self.name))
            }
        }
    }
}

/// Renders the nodes of one template.
struct Renderer<'r, 'a> {
    scope: &'r Scope<'a>,
    field: &'r str,
    budget: CopyBudget,
    batch: Batch<'r, 'a>,
}

impl Renderer<'_, '_> {
    fn render(&mut self, node: &Node, location: &Location<'_>) -> Result<Value, QueryError> {
        match node {
            Node::Static(value) => Ok(value.clone()),
            Node::Object(members) => members
                .iter()
                .map(|member| Ok((member.name.clone(), self.render(&member.node, &location.member(&member.name))?)))
                .collect::<Result<Map<String, Value>, QueryError>>()
                .map(Value::Object),
            Node::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| self.render(item, &location.item(index)))
                .collect::<Result<Vec<Value>, QueryError>>()
                .map(Value::Array),
            Node::Path { key, source } => {
                let value = source.eval(self.scope, key)?;
                self.within_budget(value)
            }
            Node::Expression(expression) => {
                let value = self.batch.eval(expression, location)?;
                self.within_budget(value)
            }
        }
    }

    fn within_budget(&mut self, value: Value) -> Result<Value, QueryError> {
        match self.budget.spend(&value) {
            Ok(()) => Ok(value),
            Err(_) => Err(QueryError::TooLarge { field: self.field.to_owned(), limit: COPIED_BYTES_LIMIT }),
        }
    }
}

impl Node {
    fn computed(&self) -> usize {
        match self {
            Node::Static(_) => 0,
            Node::Object(members) => members.iter().map(|member| member.node.computed()).sum(),
            Node::Array(items) => items.iter().map(Node::computed).sum(),
            Node::Path { .. } | Node::Expression(_) => 1,
        }
    }

    fn collect_variables(&self, names: &mut Vec<String>) {
        match self {
            Node::Static(_) => {}
            Node::Object(members) => members.iter().for_each(|member| member.node.collect_variables(names)),
            Node::Array(items) => items.iter().for_each(|item| item.collect_variables(names)),
            Node::Path { source, .. } => names.extend(source.variables()),
            Node::Expression(expression) => names.extend(expression.variables()),
        }
    }

    fn collect_expressions<'t>(&'t self, location: &Location<'_>, expressions: &mut Vec<(String, &'t Expression)>) {
        match self {
            Node::Static(_) | Node::Path { .. } => {}
            Node::Object(members) => {
                for member in members {
                    member.node.collect_expressions(&location.member(&member.name), expressions);
                }
            }
            Node::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    item.collect_expressions(&location.item(index), expressions);
                }
            }
            Node::Expression(expression) => expressions.push((location.to_string(), expression)),
        }
    }
}

/// A place in a template. It becomes text only when an error asks for it.
struct Location<'l> {
    parent: Option<&'l Location<'l>>,
    segment: Segment<'l>,
}

enum Segment<'l> {
    Root(&'l dyn fmt::Display),
    Member(&'l str),
    Item(usize),
}

impl<'l> Location<'l> {
    fn root(field: &'l dyn fmt::Display) -> Self {
        Location { parent: None, segment: Segment::Root(field) }
    }

    fn member(&'l self, name: &'l str) -> Location<'l> {
        Location { parent: Some(self), segment: Segment::Member(name) }
    }

    fn item(&'l self, index: usize) -> Location<'l> {
        Location { parent: Some(self), segment: Segment::Item(index) }
    }
}

impl fmt::Display for Location<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}")?;
        }
        match self.segment {
            Segment::Root(field) => write!(f, "{field}"),
            Segment::Member(name) => write!(f, "/{name}"),
            Segment::Item(index) => write!(f, "[{index}]"),
        }
    }
}
