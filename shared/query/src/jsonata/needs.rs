//! What an expression reads, found without evaluating it, so that only that much is converted for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jlens_core::reads::Read;
use jlens_core::{Ast, Node, NodeKind, function_catalog, stack};

use super::functions;

/// The names of JSONata's own functions.
static BUILT_IN: LazyLock<BTreeSet<&'static str>> =
    LazyLock::new(|| function_catalog().into_iter().map(|function| function.name).collect());

/// What one or several expressions read of `$states` and of the workflow variables.
#[derive(Debug, Clone, Default)]
pub(crate) struct Needs {
    /// How much of each variable, `states` among them.
    pub(super) reads: BTreeMap<String, Read>,
    /// Names that are functions unless a workflow variable has the same name. The analysis takes them for the functions,
    /// so once there is such a variable it can not be relied on.
    pub(super) functions: BTreeSet<String>,
    /// Whether regular expressions are matched.
    pub(super) has_patterns: bool,
}

impl Needs {
    /// What an expression reads.
    pub(super) fn of(program: &jlens_core::Expression) -> Self {
        let uses = Uses::of(program.ast());
        let functions = uses.all().filter(|name| is_function(name)).map(str::to_owned).collect();
        let analysed = program.reads_with(&functions::ANALYSIS);
        let reads = if analysed.every_binding() {
            uses.all().map(|name| (name.to_owned(), Read::Whole)).collect()
        } else {
            analysed.bindings().clone()
        };
        let mut has_patterns = false;
        each_node(&program.ast().root, &mut |node| has_patterns |= matches!(node.kind, NodeKind::Regex { .. }));
        Needs { reads, functions, has_patterns }
    }

    /// What any of several expressions reads.
    pub(crate) fn union<'n>(needs: impl Iterator<Item = &'n Needs>) -> Self {
        needs.fold(Needs::default(), |mut union, needs| {
            for (name, read) in &needs.reads {
                let merged = union.reads.get(name).map_or_else(|| read.clone(), |own| own.union(read));
                union.reads.insert(name.clone(), merged);
            }
            union.functions.extend(needs.functions.iter().cloned());
            union.has_patterns |= needs.has_patterns;
            union
        })
    }
}

/// The workflow variables that an expression reads: the names it does not bind itself, functions left out.
pub(super) fn variables_read(program: &jlens_core::Expression) -> Vec<String> {
    let uses = Uses::of(program.ast());
    let analysed = program.reads_with(&functions::ANALYSIS);
    let names = analysed.bindings().keys().map(String::as_str);
    let is_variable = |name: &&str| *name != "states" && !is_function(name) && uses.read.contains(*name);
    names.filter(is_variable).map(str::to_owned).collect()
}

/// The fields of `$states` that an expression names.
pub(super) fn states_fields(ast: &Ast) -> Vec<String> {
    let mut fields = BTreeSet::new();
    each_node(&ast.root, &mut |node| {
        let NodeKind::Path { steps, .. } = &node.kind else { return };
        let [first, second, ..] = &steps[..] else { return };
        let is_states = matches!(&first.kind, NodeKind::Variable { name } if name == "states");
        if let (true, NodeKind::Name { name } | NodeKind::String { value: name }) = (is_states, &second.kind) {
            fields.insert(name.clone());
        }
    });
    fields.into_iter().collect()
}

fn is_function(name: &str) -> bool {
    BUILT_IN.contains(name) || functions::ANALYSIS.get_function(name).is_some()
}

/// The names behind a `$` in an expression.
struct Uses<'n> {
    /// Those that are called.
    called: BTreeSet<&'n str>,
    /// Those that are used otherwise.
    read: BTreeSet<&'n str>,
}

impl<'n> Uses<'n> {
    fn of(ast: &'n Ast) -> Self {
        let mut uses = Uses { called: BTreeSet::new(), read: BTreeSet::new() };
        uses.visit(&ast.root);
        uses
    }

    fn all(&self) -> impl Iterator<Item = &'n str> {
        self.called.union(&self.read).copied()
    }

    fn visit(&mut self, node: &'n Node) {
        if let NodeKind::Variable { name } = &node.kind {
            self.read.insert(name);
        }
        let called = match &node.kind {
            NodeKind::Function { procedure, .. } | NodeKind::Partial { procedure, .. } => match &procedure.kind {
                NodeKind::Variable { name } => Some((procedure.id, name)),
                _ => None,
            },
            _ => None,
        };
        if let Some((_, name)) = called {
            self.called.insert(name);
        }
        stack::grow(|| {
            node.for_each_child(|child| {
                if called.is_none_or(|(id, _)| id != child.id) {
                    self.visit(child);
                }
            });
        });
    }
}

fn each_node<'n>(node: &'n Node, visit: &mut impl FnMut(&'n Node)) {
    visit(node);
    stack::grow(|| node.for_each_child(|child| each_node(child, visit)));
}
