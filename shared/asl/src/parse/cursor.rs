//! A value together with its place in the definition, as AWS writes places: `/States/C/Choices[0]/Next`. Places are linked from
//! the inside out on the stack and cost nothing until a diagnostic asks for one.

use std::fmt;

use crate::syntax::{Node, Object, Range};

/// A place in the definition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'a> {
    parent: Option<&'a At<'a>>,
    segment: Segment<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Segment<'a> {
    Key(&'a str),
    Index(usize),
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent.filter(|parent| parent.parent.is_some()) {
            parent.fmt(f)?;
        }
        match self.segment {
            Segment::Key(key) => write!(f, "/{key}"),
            Segment::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// A value of the definition and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    pub(crate) node: &'a Node,
    pub(crate) at: At<'a>,
}

impl<'a> Cursor<'a> {
    /// The whole definition; its place prints as `/`.
    pub(crate) fn root(node: &'a Node) -> Self {
        Self { node, at: At { parent: None, segment: Segment::Key("") } }
    }

    /// Member `key` of an object.
    pub(crate) fn get<'b>(&'b self, key: &'b str) -> Option<Cursor<'b>> {
        self.node.get(key).map(|node| Cursor { node, at: self.key(key) })
    }

    /// Items of an array; nothing for any other value.
    pub(crate) fn items<'b>(&'b self) -> impl Iterator<Item = Cursor<'b>> {
        let items = self.node.array().unwrap_or_default().iter().enumerate();
        items.map(|(index, node)| Cursor { node, at: At { parent: Some(&self.at), segment: Segment::Index(index) } })
    }

    /// Members of an object with the ranges of their keys; nothing for any other value.
    pub(crate) fn members<'b>(&'b self) -> impl Iterator<Item = (&'b str, Range, Cursor<'b>)> {
        let members = self.node.object().map_or(&[][..], |object: &Object| &object.members).iter();
        members.map(|member| {
            let cursor = Cursor { node: &member.value, at: self.key(&member.key) };
            (member.key.as_str(), member.key_range, cursor)
        })
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.node.get(key).is_some()
    }

    pub(crate) fn location(&self) -> String {
        self.at.to_string()
    }

    fn key<'b>(&'b self, key: &'b str) -> At<'b> {
        At { parent: Some(&self.at), segment: Segment::Key(key) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::{Comments, read_json};

    #[test]
    fn places_print_as_aws_writes_them() {
        let node = read_json(r#"{"States": {"C": {"Choices": [{"Next": "X"}]}}}"#, Comments::Refused).expect("valid");
        let root = Cursor::root(&node);
        assert_eq!(root.location(), "/");
        let states = root.get("States").expect("there");
        let state = states.get("C").expect("there");
        let choices = state.get("Choices").expect("there");
        let rule = choices.items().next().expect("there");
        let next = rule.get("Next").expect("there");
        assert_eq!(state.location(), "/States/C");
        assert_eq!(next.location(), "/States/C/Choices[0]/Next");
    }
}
