//! Reference Paths: paths that address one node, by names and indexes alone, so that a value can also be put there.

use serde_json::{Map, Value};

use super::token::{PropertyName, Token};
use super::{Path, Root, eval};
use crate::text::compact;
use crate::{PathError, Scope, SyntaxError};

/// A Reference Path, as ResultPath, ItemsPath, Variable and the other `...Path` fields hold one.
#[derive(Debug, Clone)]
pub struct ReferencePath {
    path: Path,
}

impl ReferencePath {
    /// Reads a Reference Path. It starts with `$`, and the operators `@`, `,`, `:`, `?`, `*`, `..` and functions are
    /// not allowed in it.
    pub fn parse(text: &str) -> Result<ReferencePath, SyntaxError> {
        let path = Path::parse(text)?;
        if !text.trim_start().starts_with('$') || !path.plain {
            return Err(SyntaxError::schema(format!("Value is not a Reference Path: {text}")));
        }
        Ok(ReferencePath { path })
    }

    /// The node addressed.
    pub fn get<'s>(&self, scope: &Scope<'s>) -> Result<&'s Value, PathError> {
        let document = self.path.document(scope).ok_or_else(|| self.path.unknown_variable())?;
        eval::read_plain(&self.path.steps, document).map_err(|failure| self.path.error(&failure, document))
    }

    /// `root` with `value` at the node addressed, as ResultPath puts it there: members on the way that are missing are
    /// created, a new member comes last, an existing one is replaced where it stands. The items of arrays must exist.
    pub fn set(&self, mut root: Value, value: Value) -> Result<Value, PathError> {
        match self.place_in(&mut root) {
            Some(place) => {
                *place = value;
                Ok(root)
            }
            None => Err(PathError::ResultPathMatchFailure { path: self.text().to_owned(), input: compact(&root) }),
        }
    }

    /// Whether the path is `$`, so that the result replaces the input.
    pub fn is_root(&self) -> bool {
        self.path.is_whole_input()
    }

    /// Whether the path starts from the Context Object (`$$`), which ResultPath may not.
    pub fn is_context(&self) -> bool {
        self.path.is_context()
    }

    /// Whether the path starts from a workflow variable (`$name`), which ResultPath may not.
    pub fn is_variable(&self) -> bool {
        matches!(self.path.root, Root::Variable(_))
    }

    /// The path as written.
    pub fn text(&self) -> &str {
        self.path.text()
    }

    /// The workflow variable that the path starts from.
    pub fn variables(&self) -> Vec<&str> {
        self.path.variables()
    }

    /// The node addressed, created if it is a member that is missing. `None` when there is no place for it; `root` may
    /// then hold new empty objects.
    fn place_in<'v>(&self, root: &'v mut Value) -> Option<&'v mut Value> {
        if !self.fits(root) {
            return None;
        }
        self.path.steps.tokens.iter().try_fold(root, |node, token| match token {
            Token::Property(name) => member_mut(node, name),
            Token::Index(index) => item_mut(node, *index),
            _ => None,
        })
    }

    /// Whether the path can be followed in `root` up to where members would be created: a check ahead, so that a
    /// failure leaves the input as it was.
    fn fits(&self, root: &Value) -> bool {
        let mut node = Some(root);
        for token in &self.path.steps.tokens {
            node = match (token, node) {
                (Token::Property(name), Some(Value::Object(members))) => name.find(members),
                (Token::Property(_), None) => None,
                (Token::Index(index), Some(Value::Array(items))) => match eval::item_at(items, *index) {
                    Some(item) => Some(item),
                    None => return false,
                },
                _ => return false,
            };
        }
        true
    }
}

fn member_mut<'v>(node: &'v mut Value, name: &PropertyName) -> Option<&'v mut Value> {
    if node.is_null() {
        // A member created on the way; `fits` has refused every null of the input.
        *node = Value::Object(Map::new());
    }
    let members = node.as_object_mut()?;
    let key = if members.contains_key(&name.raw) { name.raw.as_str() } else { name.for_new_member() };
    Some(members.entry(key).or_insert(Value::Null))
}

fn item_mut(node: &mut Value, index: i32) -> Option<&mut Value> {
    let items = node.as_array_mut()?;
    let distance = usize::try_from(index.unsigned_abs()).ok()?;
    let position = if index < 0 { items.len().checked_sub(distance)? } else { distance };
    items.get_mut(position)
}
