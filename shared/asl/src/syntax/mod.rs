//! Text to a tree in which every key and value knows where it stands. JSON is read by [`json`], YAML by [`yaml`]; everything behind
//! them sees only this tree.

mod json;
mod json_error;
mod yaml;

pub(crate) use json::{Comments, read_json};
pub(crate) use yaml::read_yaml;

use serde_json::{Map, Number, Value};

/// Arrays and objects within each other, as many as the JSON library of AWS takes.
pub(crate) const MAX_DEPTH: usize = 1000;

/// Byte offsets into the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A value.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) range: Range,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    Array(Vec<Node>),
    Object(Object),
}

/// An object, keys in the order of their first appearance, each once.
#[derive(Debug, Default)]
pub(crate) struct Object {
    pub(crate) members: Vec<Member>,
    /// Further appearances of a key; the last one's value is in `members`.
    pub(crate) duplicates: Vec<Duplicate>,
}

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) key: String,
    pub(crate) key_range: Range,
    pub(crate) value: Node,
}

/// A key that was there before.
#[derive(Debug)]
pub(crate) struct Duplicate {
    pub(crate) key: String,
    pub(crate) key_range: Range,
}

impl Object {
    /// From members as they stand in the text. Of a repeated key the last value counts and the first place stays.
    pub(crate) fn new(members: Vec<Member>) -> Self {
        let mut by_key: Vec<usize> = (0..members.len()).collect();
        by_key.sort_by(|&a, &b| members[a].key.cmp(&members[b].key));
        if by_key.windows(2).all(|pair| members[pair[0]].key != members[pair[1]].key) {
            return Self { members, duplicates: Vec::new() };
        }
        let mut first: Vec<usize> = (0..members.len()).collect();
        for pair in by_key.windows(2) {
            if members[pair[0]].key == members[pair[1]].key {
                first[pair[1]] = first[pair[0]];
            }
        }
        Self::merge(members, &first)
    }

    /// `first[i]` is the index of the first member with the key of member `i`.
    fn merge(members: Vec<Member>, first: &[usize]) -> Self {
        let mut object = Self::default();
        let mut place = vec![0; members.len()];
        for (index, member) in members.into_iter().enumerate() {
            if first[index] == index {
                place[index] = object.members.len();
                object.members.push(member);
            } else {
                let kept = &mut object.members[place[first[index]]];
                kept.value = member.value;
                object.duplicates.push(Duplicate { key: member.key, key_range: member.key_range });
            }
        }
        object
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.key == key)
    }
}

impl Node {
    pub(crate) fn object(&self) -> Option<&Object> {
        match &self.kind {
            Kind::Object(object) => Some(object),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Array(_) => None,
        }
    }

    pub(crate) fn array(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::Array(items) => Some(items),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Object(_) => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Array(_) | Kind::Object(_) => None,
        }
    }

    pub(crate) fn is_true(&self) -> bool {
        matches!(self.kind, Kind::Bool(true))
    }

    /// Member `key` of an object.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.object()?.get(key).map(|member| &member.value)
    }

    /// The value without its places. The tree is at most [`MAX_DEPTH`] deep.
    pub(crate) fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(value) => Value::Number(value.clone()),
            Kind::Text(value) => Value::String(value.clone()),
            Kind::Array(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Kind::Object(object) => {
                let members = object.members.iter();
                Value::Object(members.map(|member| (member.key.clone(), member.value.to_value())).collect::<Map<_, _>>())
            }
        }
    }

    /// Whether arrays and objects are nested deeper than `limit`.
    pub(crate) fn is_deeper_than(&self, limit: usize) -> bool {
        match &self.kind {
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => false,
            Kind::Array(_) | Kind::Object(_) if limit == 0 => true,
            Kind::Array(items) => items.iter().any(|item| item.is_deeper_than(limit - 1)),
            Kind::Object(object) => object.members.iter().any(|member| member.value.is_deeper_than(limit - 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_repeated_key_the_last_value_counts_and_the_first_place_stays() {
        let node = read_json(r#"{"a": 1, "b": 2, "a": 3, "c": 4, "a": 5}"#, Comments::Refused).expect("valid");
        assert_eq!(node.to_value().to_string(), r#"{"a":5,"b":2,"c":4}"#);
        let object = node.object().expect("an object");
        let duplicates: Vec<_> = object.duplicates.iter().map(|d| (d.key.as_str(), d.key_range.start)).collect();
        assert_eq!(duplicates, [("a", 17), ("a", 33)]);
    }

    #[test]
    fn depth_counts_arrays_and_objects() {
        let node = read_json(r#"{"a": [[1], {}]}"#, Comments::Refused).expect("valid");
        assert!(node.is_deeper_than(2));
        assert!(!node.is_deeper_than(3));
    }
}
