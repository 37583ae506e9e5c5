//! YAML text to nodes with positions: the small part of YAML that CloudFormation templates are written in.
//!
//! An own tree rather than the parser crate's, because a template needs three things at once: where each value stands (for
//! messages), its `!Tag` (for intrinsic functions), and bounds on depth and on what aliases expand to (a template is user input).

use std::borrow::Cow;
use std::collections::BTreeMap;

use saphyr::Scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

/// Deepest nesting that a document may have.
pub const DEPTH_MAX: usize = 128;
/// Most nodes that a document may have after its aliases are expanded.
pub const NODES_MAX: usize = 200_000;

/// One value with its position.
#[derive(Debug, Clone)]
pub struct Node {
    /// Line, from 1.
    pub line: usize,
    /// `!Sub` without the exclamation mark, when the value carries such a tag.
    pub tag: Option<String>,
    /// The value itself.
    pub content: Content,
}

/// The value of a node.
#[derive(Debug, Clone)]
pub enum Content {
    /// Text of a scalar, and whether it stood there without quotes (so that `3` is a number and `"3"` is not).
    Scalar(String, bool),
    /// Items in order.
    Sequence(Vec<Node>),
    /// Members in order; keys are unique.
    Mapping(Vec<(String, Node)>),
}

/// Why a text is not a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl Node {
    /// The member of a mapping; none for other nodes.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.members().iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// The members of a mapping; none for other nodes.
    pub fn members(&self) -> &[(String, Node)] {
        match &self.content {
            Content::Mapping(members) => members,
            Content::Scalar(..) | Content::Sequence(_) => &[],
        }
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(text, _) => Some(text),
            Content::Sequence(_) | Content::Mapping(_) => None,
        }
    }

    /// The node as JSON, tags ignored. Recursion is bounded by [`DEPTH_MAX`].
    pub fn to_json(&self) -> serde_json::Value {
        match &self.content {
            Content::Scalar(text, plain) => scalar_to_json(text, *plain),
            Content::Sequence(items) => items.iter().map(Node::to_json).collect(),
            Content::Mapping(members) => members.iter().map(|(key, node)| (key.clone(), node.to_json())).collect(),
        }
    }
}

/// A scalar by YAML's core schema: `3`, `true`, `null` and the like only without quotes.
pub fn scalar_to_json(text: &str, plain: bool) -> serde_json::Value {
    if !plain {
        return text.into();
    }
    match Scalar::parse_from_cow(Cow::Borrowed(text)) {
        Scalar::Null => serde_json::Value::Null,
        Scalar::Boolean(value) => value.into(),
        Scalar::Integer(value) => value.into(),
        Scalar::FloatingPoint(value) => value.into_inner().into(),
        Scalar::String(value) => value.into_owned().into(),
    }
}

/// Reads the first document of a text.
///
/// # Errors
/// Text that is not YAML, repeats a key, has a key that is not a scalar, or passes a bound.
pub fn parse(text: &str) -> Result<Node, YamlError> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| YamlError { line: error.marker().line(), message: error.info().to_owned() })?;
        if matches!(event, Event::DocumentEnd) {
            break;
        }
        builder.take(event, span)?;
    }
    builder.root.ok_or_else(|| YamlError { line: 1, message: "the file is empty".to_owned() })
}

/// A collection that is being filled, with the anchor that names it.
struct Open {
    node: Node,
    anchor: usize,
    key: Option<(String, usize)>,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), YamlError> {
        let line = span.start.line();
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => Ok(()),
            Event::Scalar(text, style, anchor, tag) => {
                // `!!str 3` is text although it has no quotes.
                let forced_text = tag.as_ref().is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
                let plain = style == ScalarStyle::Plain && !forced_text;
                self.close(Node { line, tag: local(tag), content: Content::Scalar(text.into_owned(), plain) }, anchor)
            }
            Event::SequenceStart(anchor, tag) => self.open(Node { line, tag: local(tag), content: Content::Sequence(Vec::new()) }, anchor),
            Event::MappingStart(anchor, tag) => self.open(Node { line, tag: local(tag), content: Content::Mapping(Vec::new()) }, anchor),
            Event::SequenceEnd | Event::MappingEnd => {
                let done = self.open.pop().expect("the parser ends only what it has begun");
                self.close(done.node, done.anchor)
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                let node = node.ok_or_else(|| YamlError { line, message: "an alias inside the value that it names".to_owned() })?;
                self.nodes += count(&node);
                self.close(node, 0)
            }
        }
    }

    fn open(&mut self, node: Node, anchor: usize) -> Result<(), YamlError> {
        if self.open.len() >= DEPTH_MAX {
            return Err(YamlError { line: node.line, message: format!("nested more than {DEPTH_MAX} deep") });
        }
        self.open.push(Open { node, anchor, key: None });
        Ok(())
    }

    fn close(&mut self, node: Node, anchor: usize) -> Result<(), YamlError> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(YamlError { line: node.line, message: format!("more than {NODES_MAX} values") });
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => {
                self.root = Some(node);
                Ok(())
            }
            Some(parent) => parent.add(node),
        }
    }
}

impl Open {
    fn add(&mut self, node: Node) -> Result<(), YamlError> {
        match (&mut self.node.content, self.key.take()) {
            (Content::Sequence(items), _) => items.push(node),
            // A reader looks for the key, and the text of a block scalar begins below it.
            (Content::Mapping(members), Some((key, line))) => members.push((key, Node { line, ..node })),
            (Content::Mapping(members), None) => {
                let key = node.text().map(str::to_owned);
                let key = key.ok_or_else(|| YamlError { line: node.line, message: "a key is not text".to_owned() })?;
                if members.iter().any(|(other, _)| *other == key) {
                    return Err(YamlError { line: node.line, message: format!("key \"{key}\" appears twice") });
                }
                self.key = Some((key, node.line));
            }
            (Content::Scalar(..), _) => unreachable!("only collections are ever open"),
        }
        Ok(())
    }
}

fn local(tag: Option<Cow<'_, Tag>>) -> Option<String> {
    tag.filter(|tag| tag.handle == "!").map(|tag| tag.suffix.clone())
}

fn count(node: &Node) -> usize {
    match &node.content {
        Content::Scalar(..) => 1,
        Content::Sequence(items) => 1 + items.iter().map(count).sum::<usize>(),
        Content::Mapping(members) => 1 + members.iter().map(|(_, node)| count(node)).sum::<usize>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_follow_the_core_schema_and_quotes_make_text() {
        let node = parse("a: 3\nb: \"3\"\nc: true\nd: ~\ne: 1.5\nf: yes\ng: !!str 7\n").expect("a document");
        assert_eq!(node.to_json(), serde_json::json!({"a": 3, "b": "3", "c": true, "d": null, "e": 1.5, "f": "yes", "g": "7"}));
    }

    #[test]
    fn tags_lines_and_aliases_are_kept() {
        let node = parse("one: &x\n  k: !Ref Thing\ntwo: *x\n").expect("a document");
        let reference = node.get("two").and_then(|two| two.get("k")).expect("the aliased value");
        assert_eq!((reference.tag.as_deref(), reference.text(), reference.line), (Some("Ref"), Some("Thing"), 2));
    }

    #[test]
    fn bounds_hold_against_hostile_text() {
        let deep = "- ".repeat(100_000);
        assert_eq!(parse(&deep).expect_err("too deep").message, "nested more than 128 deep");
        let laughs: String = (1..40).map(|n| format!("a{n}: &a{n} [*a{p}, *a{p}, *a{p}]\n", p = n - 1)).collect();
        assert_eq!(parse(&format!("a0: &a0 x\n{laughs}")).expect_err("too many").message, "more than 200000 values");
        assert_eq!(parse("a: 1\nb: 2\na: 3\n").expect_err("twice"), YamlError { line: 3, message: "key \"a\" appears twice".to_owned() });
        assert!(parse("a: [").is_err());
        assert!(parse("").is_err());
    }
}
