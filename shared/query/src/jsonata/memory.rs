//! How much one evaluation may build in all.
//!
//! The engine limits each text and each array, and counts steps, but one step can make a text or an array of the largest size. So an
//! expression that can do so many times is evaluated with a meter, which is told of every value that is made and stops the evaluation when
//! they come to too much. What is thrown away meanwhile counts, too: only so does the same evaluation always end the same way.
//!
//! Functions of JSONata that are called by other functions of JSONata (`$map(names, $uppercase)`) report nothing. An expression that hands
//! them on is evaluated with steps and sizes whose product is bounded instead: many small values first, then fewer larger ones.

use jlens_core::ast::BinaryOp;
use jlens_core::audit::{CaptureLimits, Outcome, Tracer, ValueRef};
use jlens_core::{Ast, CancelToken, Node, NodeKind, stack};
use serde_json::Value;

/// Bytes that one evaluation may build.
const BUILT_BYTES_MAX: usize = 512 << 20;
/// What an item of an array takes.
const ITEM_BYTES: usize = 24;
/// Values made once each that need no meter: so many of the largest size are bearable.
const UNMETERED_MAKERS_MAX: usize = 8;

/// Steps, bytes of a text and items of an array, for expressions that hand functions on: the most of each kind that
/// [`BUILT_BYTES_MAX`] bears.
pub(super) const TIERS: [Tier; 4] = [
    Tier { steps: 400_000, text_bytes: 1 << 10, items: None },
    Tier { steps: 40_000, text_bytes: 10 << 10, items: None },
    Tier { steps: 4_000, text_bytes: 100 << 10, items: None },
    Tier { steps: 1_000, text_bytes: 1 << 20, items: None },
];

/// The same, if what is handed on makes arrays.
pub(super) const ARRAY_TIERS: [Tier; 3] = [
    Tier { steps: 400_000, text_bytes: 1 << 10, items: Some(100) },
    Tier { steps: 40_000, text_bytes: 10 << 10, items: Some(1_000) },
    Tier { steps: 4_000, text_bytes: 100 << 10, items: Some(10_000) },
];

/// Bounds whose product is bounded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tier {
    pub(super) steps: u64,
    pub(super) text_bytes: usize,
    /// None for the usual bound.
    pub(super) items: Option<usize>,
}

/// How the memory of an expression's evaluations is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// Steps alone bound it.
    Steps,
    /// It is evaluated with a [`Meter`].
    Meter,
    /// It hands functions on that make texts: a meter, and [`TIERS`].
    Tiers,
    /// It hands functions on that make arrays: a meter, and [`ARRAY_TIERS`].
    ArrayTiers,
}

impl Bound {
    pub(super) fn of(ast: &Ast) -> Self {
        let mut makers = Makers::default();
        makers.visit(&ast.root, false);
        if makers.hands_on_arrays {
            Bound::ArrayTiers
        } else if makers.hands_on_texts {
            Bound::Tiers
        } else if makers.repeated || makers.count > UNMETERED_MAKERS_MAX {
            Bound::Meter
        } else {
            Bound::Steps
        }
    }
}

/// The places of an expression that can make a large value in one step.
#[derive(Default)]
struct Makers {
    count: usize,
    /// One of them may be evaluated many times.
    repeated: bool,
    hands_on_texts: bool,
    hands_on_arrays: bool,
}

impl Makers {
    fn visit(&mut self, node: &Node, is_repeated: bool) {
        if makes(node) {
            self.count += 1;
            self.repeated |= is_repeated;
        }
        let called = match &node.kind {
            NodeKind::Function { procedure, .. } => Some(procedure.id),
            NodeKind::Variable { name } => {
                self.hand_on(name);
                None
            }
            _ => None,
        };
        let repeats = is_repeated || matches!(node.kind, NodeKind::Lambda(_) | NodeKind::Path { .. } | NodeKind::Transform(_));
        stack::grow(|| {
            node.for_each_child(|child| {
                if called != Some(child.id) || !matches!(child.kind, NodeKind::Variable { .. }) {
                    self.visit(child, repeats);
                }
            });
        });
    }

    /// A function of this name, if there is one, is a value here: others may call it.
    fn hand_on(&mut self, name: &str) {
        match made_by(name) {
            Made::Nothing => {}
            Made::Text => self.hands_on_texts = true,
            Made::Array => self.hands_on_arrays = true,
        }
    }
}

/// What a function of JSONata makes that can be large.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    Nothing,
    Text,
    Array,
}

fn made_by(function: &str) -> Made {
    match function {
        "string" | "substring" | "substringBefore" | "substringAfter" | "lowercase" | "uppercase" | "trim" | "pad" | "replace" | "join"
        | "formatNumber" | "formatBase" | "formatInteger" | "base64encode" | "base64decode" | "encodeUrlComponent" | "encodeUrl"
        | "decodeUrlComponent" | "decodeUrl" | "now" | "fromMillis" => Made::Text,
        "match" | "split" | "map" | "zip" | "filter" | "reduce" | "sift" | "keys" | "lookup" | "spread" | "merge" | "each" | "append"
        | "reverse" | "sort" | "shuffle" | "distinct" | "clone" | "single" | "partition" | "range" | "parse" => Made::Array,
        _ => Made::Nothing,
    }
}

/// Whether the node makes a value that may be large, out of little or of what others hold, in one step.
fn makes(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Binary { op, .. } => matches!(op, BinaryOp::Concat | BinaryOp::Range),
        NodeKind::Function { procedure, .. } => match &procedure.kind {
            NodeKind::Variable { name } => made_by(name) != Made::Nothing,
            _ => false,
        },
        NodeKind::Array { items } => !items.is_empty(),
        NodeKind::Apply { .. } | NodeKind::Transform(_) | NodeKind::Wildcard | NodeKind::Descendant | NodeKind::Sort { .. } => true,
        _ => false,
    }
}

/// The text of an expression with every last call of a function body made to report what it makes. The engine carries such a call out after the
/// function has ended, unseen by a [`Meter`]; a variable at the end instead keeps it inside. None if there is none.
pub(super) fn with_reporting_calls(ast: &Ast, text: &str) -> Option<String> {
    let mut calls = Vec::new();
    last_calls(&ast.root, &mut calls);
    let mut edits: Vec<(usize, &str)> = Vec::new();
    for call in &calls {
        edits.push((call.span.start, "($made := "));
        edits.push((call.span.end, "; $made)"));
    }
    // From the end on, so that places before stay where they are. Of two ends at one place the inner one comes first in the text.
    edits.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let mut edited = text.to_owned();
    edits.iter().for_each(|(at, insert)| edited.insert_str(*at, insert));
    (!calls.is_empty()).then_some(edited)
}

fn last_calls<'n>(node: &'n Node, found: &mut Vec<&'n Node>) {
    if let NodeKind::Lambda(def) = &node.kind
        && def.thunk
        && makes(&def.body)
    {
        found.push(&def.body);
    }
    stack::grow(|| node.for_each_child(|child| last_calls(child, found)));
}

/// Adds up what an evaluation builds; stops it when that is too much.
pub(super) struct Meter {
    stop: CancelToken,
    left: usize,
}

impl Meter {
    /// A meter that stops the evaluation through this token.
    pub(super) fn new(stop: CancelToken) -> Self {
        Self { stop, left: BUILT_BYTES_MAX }
    }
}

impl Tracer for Meter {
    fn exit(&mut self, node: &Node, outcome: Outcome<'_>) {
        let Outcome::Value(value) = outcome else { return };
        if !makes(node) && !matches!(node.kind, NodeKind::Path { .. }) {
            return;
        }
        match self.left.checked_sub(size(value)) {
            Some(left) => self.left = left,
            None => self.stop.cancel(),
        }
    }
}

/// Bytes of a value, without those of the values in it, which were counted when they were made.
fn size(value: ValueRef<'_>) -> usize {
    let limits = CaptureLimits { max_items: 0, max_string: usize::MAX, max_depth: 1, max_rejected: 0, max_nodes: 0, max_source: 0 };
    match value.type_name() {
        "string" => value.capture(&limits).as_ref().and_then(Value::as_str).map_or(0, str::len),
        "array" => value.capture(&limits).as_ref().map_or(0, items_left_out) * ITEM_BYTES,
        "object" => value.capture(&limits).as_ref().map_or(0, items_left_out) * 3 * ITEM_BYTES,
        _ => 0,
    }
}

/// How many items a capture has left out, which is all of them: `["… 12 more"]`, `{"…": "12 more"}`.
fn items_left_out(capture: &Value) -> usize {
    let note = match capture {
        Value::Array(items) => items.first(),
        Value::Object(members) => members.values().next(),
        _ => None,
    };
    note.and_then(Value::as_str).and_then(|note| note.split(' ').find_map(|word| word.parse().ok())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use jlens_core::{Bindings, Expression, Options, function_catalog};

    use super::*;

    #[derive(Default)]
    struct Last(usize);

    impl Tracer for Last {
        fn end(&mut self, outcome: Outcome<'_>) {
            if let Outcome::Value(value) = outcome {
                self.0 = size(value);
            }
        }
    }

    fn measured(text: &str) -> usize {
        let mut last = Last::default();
        let program = Expression::compile(text).expect("it compiles");
        program.evaluate_traced(None, &Bindings::new(), &Options::new(), &mut last).expect("it has a value");
        last.0
    }

    #[test]
    fn values_are_measured_by_their_own_size() {
        assert_eq!(measured("'twelve bytes'"), 12);
        assert_eq!(measured("[1..1000]"), 1_000 * ITEM_BYTES);
        assert_eq!(measured("[[1..1000], 2]"), 2 * ITEM_BYTES);
        assert_eq!(measured("{'a': 1, 'b': 2}"), 2 * 3 * ITEM_BYTES);
        assert_eq!((measured("[]"), measured("12"), measured("null")), (0, 0, 0));
    }

    #[test]
    fn last_calls_report() {
        let edited = |text: &str| {
            let edited = with_reporting_calls(Expression::compile(text).expect("it compiles").ast(), text);
            edited.inspect(|edited| drop(Expression::compile(edited).expect("what is edited compiles, too")))
        };
        assert_eq!(edited("$pad('a', 3)"), None);
        assert_eq!(edited("function($x) { $f($x) }"), None, "functions of the expression's own report by what they call");
        assert_eq!(edited("function($x) { $pad($x, 3) }").as_deref(), Some("function($x) { ($made := $pad($x, 3); $made) }"));
        let nested = "function($x) { $map($x, function($y) { $y > 'é' ? $string($y) : $split($y, '') }) }";
        let reporting = "function($x) { ($made := $map($x, function($y) { $y > 'é' ? ($made := $string($y); $made) : ($made := $split($y, ''); $made) }); $made) }";
        assert_eq!(edited(nested).as_deref(), Some(reporting));
    }

    #[test]
    fn every_function_of_the_language_is_known() {
        let small = [
            "sum",
            "count",
            "max",
            "min",
            "average",
            "length",
            "contains",
            "parseInteger",
            "number",
            "floor",
            "ceil",
            "round",
            "abs",
            "sqrt",
            "power",
            "random",
            "boolean",
            "not",
            "exists",
            "error",
            "assert",
            "type",
            "eval",
            "millis",
            "toMillis",
        ];
        for function in function_catalog() {
            assert_eq!(made_by(function.name) == Made::Nothing, small.contains(&function.name), "{}", function.name);
        }
    }

    #[test]
    fn plain_expressions_need_no_meter() {
        let bound = |text: &str| Bound::of(Expression::compile(text).expect("it compiles").ast());
        for text in
            ["$states.input.a + 1", "$sum($states.input.items.(price * quantity))", "'order ' & $states.input.id", "$split($x, ',')"]
        {
            assert_eq!(bound(text), Bound::Steps, "{text}");
        }
        for text in ["$map(a, function($x) { $x & '!' })", "a.(b & c)", "items.{'x': [a, b]}", "a.$string($$)"] {
            assert_eq!(bound(text), Bound::Meter, "{text}");
        }
        assert_eq!(bound("$map(a, $uppercase)"), Bound::Tiers);
        assert_eq!(bound("$map(a, $pad(?, 9))"), Bound::Tiers);
        assert_eq!(bound("$map(a, $append(?, b))"), Bound::ArrayTiers);
    }
}
