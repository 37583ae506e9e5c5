//! The catalog, in [`Table::Catalog`](crate::store::Table::Catalog).

use super::codec::{Parts, prefix_end, prefix_range};
use crate::store::KeyRange;
use std::ops::Bound;

/// What kinds of things the catalog knows. Its number is on disk and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum CatalogKind {
    /// A state machine, by its ARN.
    StateMachine = 1,
    /// A revision of a definition, by its digest in hexadecimal.
    Revision = 2,
    /// A version of a state machine, by the machine's ARN and the version's number.
    Version = 3,
    /// An alias, by its ARN.
    Alias = 4,
    /// An activity, by its ARN.
    Activity = 5,
    /// The tags of a resource, by its ARN.
    Tags = 6,
    /// A function that a worker has served, by its name.
    Function = 7,
}

impl CatalogKind {
    fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => CatalogKind::StateMachine,
            2 => CatalogKind::Revision,
            3 => CatalogKind::Version,
            4 => CatalogKind::Alias,
            5 => CatalogKind::Activity,
            6 => CatalogKind::Tags,
            7 => CatalogKind::Function,
            _ => return None,
        })
    }
}

/// One entry of the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CatalogKey<'a> {
    /// What it is.
    pub kind: CatalogKind,
    /// Its name, without a zero byte. No resource of AWS has one: names and ARNs exclude control characters.
    pub name: &'a str,
    /// Version number; 0 for kinds that have none.
    pub number: u64,
}

impl<'a> CatalogKey<'a> {
    /// The entry of a kind without version numbers.
    pub fn of(kind: CatalogKind, name: &'a str) -> Self {
        Self { kind, name, number: 0 }
    }

    /// Bytes of the key.
    pub fn encode(self) -> Vec<u8> {
        let mut key = Self::name_prefix(self.kind, self.name);
        key.extend_from_slice(&self.number.to_be_bytes());
        key
    }

    /// The inverse of [`encode`](Self::encode).
    pub fn decode(key: &'a [u8]) -> Option<Self> {
        let mut parts = Parts(key);
        let kind = CatalogKind::from_number(parts.u8()?)?;
        let name = parts.text()?;
        let number = parts.u64()?;
        parts.end()?;
        Some(Self { kind, name, number })
    }

    /// All entries of a kind, in the order of their names.
    pub fn of_kind(kind: CatalogKind) -> KeyRange {
        prefix_range(&[kind as u8])
    }

    /// All numbers of a name, ascending.
    pub fn of_name(kind: CatalogKind, name: &str) -> KeyRange {
        prefix_range(&Self::name_prefix(kind, name))
    }

    /// The entries of this one's kind that come after it.
    pub fn after(self) -> KeyRange {
        (Bound::Excluded(self.encode()), prefix_end(&[self.kind as u8]))
    }

    fn name_prefix(kind: CatalogKind, name: &str) -> Vec<u8> {
        debug_assert!(!name.contains('\0'), "a name has no zero byte");
        let mut key = Vec::with_capacity(10 + name.len());
        key.push(kind as u8);
        key.extend_from_slice(name.as_bytes());
        key.push(0);
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::RangeBounds;

    fn version(name: &str, number: u64) -> CatalogKey<'_> {
        CatalogKey { kind: CatalogKind::Version, name, number }
    }

    #[test]
    fn keys_come_back() {
        let key = version("arn:aws:states:us-east-1:123456789012:stateMachine:m", 3);
        assert_eq!(CatalogKey::decode(&key.encode()), Some(key));
        assert_eq!(CatalogKey::decode(b"\x63m\0\0\0\0\0\0\0\0\0"), None);
        assert_eq!(CatalogKey::decode(b"\x01no end"), None);
    }

    #[test]
    fn a_name_is_not_the_beginning_of_a_longer_one() {
        let versions = CatalogKey::of_name(CatalogKind::Version, "order");
        assert!(versions.contains(&version("order", u64::MAX).encode()));
        assert!(!versions.contains(&version("order-b", 1).encode()));
        assert!(!versions.contains(&version("orde", 1).encode()));
    }

    #[test]
    fn names_are_in_order_whatever_their_length() {
        let mut keys = ["b", "a-b", "ab", "a"].map(|name| version(name, 1).encode());
        keys.sort();
        let names = keys.map(|key| CatalogKey::decode(&key).map(|key| key.name.to_owned()));
        let expected = ["a", "a-b", "ab", "b"].map(|name| Some(name.to_owned()));
        assert_eq!(names, expected);
        let all = CatalogKey::of_kind(CatalogKind::Version);
        assert!(all.contains(&version("a", 1).encode()));
        assert!(!version("b", 1).after().contains(&version("a", 9).encode()));
    }
}
