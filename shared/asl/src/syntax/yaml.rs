//! The YAML reader, for `.asl.yaml` files: the same tree as from JSON, places included. It takes the parser's events one by one,
//! so that nesting and what aliases expand to stay bounded.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};
use serde_json::Number;

use super::{Kind, MAX_DEPTH, Member, Node, Object, Range};

/// Why a text is no YAML, or none that can be a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct YamlError {
    pub(crate) message: String,
    /// Byte offset of what is wrong.
    pub(crate) offset: usize,
}

/// Values in a document, those kept for aliases and those repeated by them included. A definition of 1 MB has fewer.
const MAX_NODES: usize = 1_000_000;

/// Reads the first YAML document.
pub(crate) fn read_yaml(text: &str) -> Result<Node, YamlError> {
    let mut reader = Reader { offsets: Offsets::new(text), open: Vec::new(), anchors: BTreeMap::new(), nodes: 0 };
    let mut parser = Parser::new_from_str(text);
    let empty = YamlError { message: "The document is empty".to_owned(), offset: 0 };
    loop {
        let (event, span) = match parser.next_event() {
            Some(Ok(event)) => event,
            Some(Err(error)) => return Err(reader.error(error.info(), *error.marker())),
            None => return Err(empty),
        };
        match reader.event(event, span)? {
            Step::Done(node) => return Ok(node),
            Step::Empty => return Err(empty),
            Step::Further => {}
        }
    }
}

enum Step {
    Further,
    Done(Node),
    Empty,
}

struct Reader<'t> {
    offsets: Offsets<'t>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Anchored>,
    nodes: usize,
}

/// A sequence or mapping that has not ended yet.
struct Open {
    anchor: usize,
    start: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping { members: Vec<Member>, key: Option<(String, Range)> },
}

/// What an alias repeats, and how many values that is.
struct Anchored {
    node: Node,
    size: usize,
}

impl Reader<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<Step, YamlError> {
        match event {
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => Ok(Step::Further),
            Event::StreamEnd | Event::DocumentEnd => Ok(Step::Empty),
            Event::Scalar(text, style, anchor, tag) => {
                self.count(1, span.start)?;
                let is_string = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str");
                let kind = if is_string { Kind::Text(text.into_owned()) } else { plain(&text) };
                let range = self.offsets.range(span);
                self.complete(Node { kind, range }, anchor, 1)
            }
            Event::SequenceStart(anchor, _) => self.start(anchor, span, Content::Sequence(Vec::new())),
            Event::MappingStart(anchor, _) => self.start(anchor, span, Content::Mapping { members: Vec::new(), key: None }),
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Alias(anchor) => self.alias(anchor, span),
        }
    }

    fn too_deep(&mut self, span: Span) -> YamlError {
        self.error(&format!("Sequences and mappings are nested deeper than {MAX_DEPTH}"), span.start)
    }

    fn start(&mut self, anchor: usize, span: Span, content: Content) -> Result<Step, YamlError> {
        self.count(1, span.start)?;
        if self.open.len() >= MAX_DEPTH {
            return Err(self.too_deep(span));
        }
        let start = self.offsets.byte(span.start);
        self.open.push(Open { anchor, start, content });
        Ok(Step::Further)
    }

    fn end(&mut self, span: Span) -> Result<Step, YamlError> {
        let open = self.open.pop().expect("the parser closes only what it has opened");
        let range = Range { start: open.start, end: self.offsets.byte(span.end).max(open.start) };
        let kind = match open.content {
            Content::Sequence(items) => Kind::Array(items),
            Content::Mapping { members, .. } => Kind::Object(Object::new(members)),
        };
        let node = Node { kind, range };
        let size = if open.anchor == 0 { 0 } else { size(&node) };
        self.count(size, span.start)?;
        self.complete(node, open.anchor, size)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<Step, YamlError> {
        let Some(Anchored { node, size }) = self.anchors.get(&anchor) else {
            return Err(self.error("An alias refers to a value that contains it", span.start));
        };
        let (copy, size) = (copy(node), *size);
        self.count(size, span.start)?;
        if self.open.len() + depth(&copy) > MAX_DEPTH {
            return Err(self.too_deep(span));
        }
        self.complete(copy, 0, 0)
    }

    fn complete(&mut self, node: Node, anchor: usize, size: usize) -> Result<Step, YamlError> {
        if anchor != 0 {
            self.anchors.insert(anchor, Anchored { node: copy(&node), size });
        }
        let Some(open) = self.open.last_mut() else { return Ok(Step::Done(node)) };
        match &mut open.content {
            Content::Sequence(items) => items.push(node),
            Content::Mapping { members, key } => match key.take() {
                Some((key, key_range)) => members.push(Member { key, key_range, value: node }),
                None => *key = Some((key_text(&node)?, node.range)),
            },
        }
        Ok(Step::Further)
    }

    fn count(&mut self, nodes: usize, marker: Marker) -> Result<(), YamlError> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            return Err(self.error(&format!("The document has more than {MAX_NODES} values"), marker));
        }
        Ok(())
    }

    fn error(&mut self, message: &str, marker: Marker) -> YamlError {
        YamlError { message: message.to_owned(), offset: self.offsets.byte(marker) }
    }
}

/// Keys of JSON objects are strings; a key such as `1` or `true` is taken as it is written.
fn key_text(node: &Node) -> Result<String, YamlError> {
    match &node.kind {
        Kind::Text(text) => Ok(text.clone()),
        Kind::Null => Ok("null".to_owned()),
        Kind::Bool(value) => Ok(value.to_string()),
        Kind::Number(value) => Ok(value.to_string()),
        Kind::Array(_) | Kind::Object(_) => Err(YamlError { message: "A key has to be a string".to_owned(), offset: node.range.start }),
    }
}

/// A plain scalar by the core schema of YAML 1.2.
fn plain(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        _ => number(text).map_or_else(|| Kind::Text(text.to_owned()), Kind::Number),
    }
}

/// Integers (decimal, `0x`, `0o`) and finite floats of the core schema; JSON has no others.
fn number(text: &str) -> Option<Number> {
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return u64::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with('+')).map(Number::from);
        }
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && unsigned.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    if !is_number {
        return None;
    }
    let is_integer = unsigned.bytes().all(|byte| byte.is_ascii_digit());
    let integer = text.strip_prefix('+').unwrap_or(text);
    if is_integer && let Ok(value) = integer.parse::<i64>() {
        return Some(Number::from(value));
    }
    text.parse().ok().and_then(Number::from_f64)
}

fn copy(node: &Node) -> Node {
    let kind = match &node.kind {
        Kind::Null => Kind::Null,
        Kind::Bool(value) => Kind::Bool(*value),
        Kind::Number(value) => Kind::Number(value.clone()),
        Kind::Text(text) => Kind::Text(text.clone()),
        Kind::Array(items) => Kind::Array(items.iter().map(copy).collect()),
        Kind::Object(object) => Kind::Object(copy_object(object)),
    };
    Node { kind, range: node.range }
}

fn copy_object(object: &Object) -> Object {
    let copy = |member: &Member| Member { key: member.key.clone(), key_range: member.key_range, value: copy(&member.value) };
    Object { members: object.members.iter().map(copy).collect(), duplicates: Vec::new() }
}

fn size(node: &Node) -> usize {
    1 + children(node).map(size).sum::<usize>()
}

fn depth(node: &Node) -> usize {
    let is_container = usize::from(node.array().is_some() || node.object().is_some());
    is_container + children(node).map(depth).max().unwrap_or(0)
}

fn children(node: &Node) -> impl Iterator<Item = &Node> {
    let items = node.array().unwrap_or_default().iter();
    let members = node.object().map_or(&[][..], |object| &object.members).iter();
    items.chain(members.map(|member| &member.value))
}

/// From the parser's character offsets to bytes. Events come in the order of the text, so one sweep suffices.
struct Offsets<'t> {
    text: &'t str,
    is_ascii: bool,
    character: usize,
    byte: usize,
}

impl<'t> Offsets<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, is_ascii: text.is_ascii(), character: 0, byte: 0 }
    }

    fn range(&mut self, span: Span) -> Range {
        let start = self.byte(span.start);
        Range { start, end: self.byte(span.end).max(start) }
    }

    fn byte(&mut self, marker: Marker) -> usize {
        let wanted = marker.index();
        if self.is_ascii {
            return wanted.min(self.text.len());
        }
        if wanted < self.character {
            (self.character, self.byte) = (0, 0);
        }
        for character in self.text[self.byte..].chars().take(wanted - self.character) {
            self.byte += character.len_utf8();
            self.character += 1;
        }
        self.byte
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(yaml: &str, json: &str) {
        assert_eq!(read_yaml(yaml).expect(yaml).to_value().to_string(), json, "{yaml}");
    }

    #[test]
    fn values_of_the_core_schema() {
        check(
            "a: 1\nb: -2.5\nc: true\nd: ~\ne: yes\nf: '1'\ng: \"x\\ny\"\nh: 0x1F\ni: 1e3\nj: 2016-03-14T01:59:00Z\nk: +7\nl:\nm: !!str 5",
            r#"{"a":1,"b":-2.5,"c":true,"d":null,"e":"yes","f":"1","g":"x\ny","h":31,"i":1000.0,"j":"2016-03-14T01:59:00Z","k":7,"l":null,"m":"5"}"#,
        );
        check("- a\n- [b, {c: d}]\n- |\n  two\n  lines\n", r#"["a",["b",{"c":"d"}],"two\nlines\n"]"#);
        check("# comment\n1: {true: x}\n", r#"{"1":{"true":"x"}}"#);
        check("a: .inf\nb: 1.2.3\nc: '{% $x %}'\nd: $.a", r#"{"a":".inf","b":"1.2.3","c":"{% $x %}","d":"$.a"}"#);
    }

    #[test]
    fn aliases_repeat_values() {
        check("a: &x {b: [1]}\nc: *x\n", r#"{"a":{"b":[1]},"c":{"b":[1]}}"#);
    }

    #[test]
    fn of_a_repeated_key_the_last_value_counts() {
        check("a: 1\nb: 2\na: 3\n", r#"{"a":3,"b":2}"#);
    }

    #[test]
    fn places_are_bytes() {
        let text = "ä: ü\nkey:\n  - Ö: value\n";
        let node = read_yaml(text).expect("valid");
        let object = node.object().expect("a mapping");
        let slice = |range: Range| &text[range.start..range.end];
        assert_eq!(slice(object.members[0].key_range), "ä");
        assert_eq!(slice(object.members[0].value.range), "ü");
        let item = &object.members[1].value.array().expect("a sequence")[0];
        assert_eq!(slice(item.object().expect("a mapping").members[0].value.range), "value");
    }

    #[test]
    fn errors_have_places() {
        for (text, offset) in [("a: [1,\n", 7), ("", 0), ("[a, b]: c", 0), ("a: &x [*x]", 7)] {
            let error = read_yaml(text).expect_err(text);
            assert!(!error.message.is_empty());
            assert_eq!(error.offset, offset, "{text}: {}", error.message);
        }
    }

    #[test]
    fn hostile_documents_stay_bounded() {
        assert!(read_yaml(&"[".repeat(100_000)).is_err());
        assert!(read_yaml(&"- ".repeat(100_000)).is_err());
        let mut laughs = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for level in 1..12 {
            let alias = format!("*a{},", level - 1).repeat(10);
            laughs.push_str(&format!("a{level}: &a{level} [{alias}]\n"));
        }
        let error = read_yaml(&laughs).expect_err("a billion values");
        assert!(error.message.contains("more than"), "{}", error.message);
        let anchors: String = (0..900).map(|level| format!("&a{level} [")).collect();
        let error = read_yaml(&format!("{anchors}{}", "x,".repeat(100_000))).expect_err("each anchor keeps a copy");
        assert!(!error.message.is_empty());
    }
}
