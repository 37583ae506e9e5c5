//! How deep a file's schema is nested, told before the decoder sees it: that one descends into it by recursion, however deep it is.
//!
//! The footer is a struct in Thrift's compact protocol; its second field is the schema, a list of elements in depth-first order, each with the
//! number of its children.

use super::invalid;
use crate::ReadFailure;

/// Deeper schemas than this describe no data.
const DEPTH_MAX: usize = 100;
/// Structs of the footer are nested no deeper.
const STRUCT_DEPTH_MAX: u32 = 16;

/// Fields of `FileMetaData` and `SchemaElement`.
const SCHEMA: i64 = 2;
const NUM_CHILDREN: i64 = 5;

/// Types of the compact protocol.
const STOP: u8 = 0;
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const INTEGERS: std::ops::RangeInclusive<u8> = 4..=6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LISTS: std::ops::RangeInclusive<u8> = 9..=10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;

/// Refuses schemas that are too deep, and what is none.
pub(super) fn check_depth(footer: &[u8]) -> Result<(), ReadFailure> {
    let mut thrift = Thrift(footer);
    match thrift.schema_depth() {
        Some(depth) if depth <= DEPTH_MAX => Ok(()),
        Some(_) => Err(invalid(&format!("its schema is nested deeper than {DEPTH_MAX} levels"))),
        None => Err(invalid(&"its schema cannot be read")),
    }
}

/// What is left of a footer. `None` of a step: it is not what it should be.
struct Thrift<'a>(&'a [u8]);

impl Thrift<'_> {
    fn schema_depth(&mut self) -> Option<usize> {
        let mut id = 0;
        loop {
            let kind = self.field(&mut id)?;
            match (kind, id) {
                (kind, SCHEMA) if LISTS.contains(&kind) => return self.elements(),
                (STOP, _) => return None,
                (kind, _) => self.skip(kind, STRUCT_DEPTH_MAX)?,
            }
        }
    }

    /// The deepest level of the elements.
    fn elements(&mut self) -> Option<usize> {
        let (len, kind) = self.list()?;
        let mut deepest = 0;
        // Children that are still to come, by level.
        let mut open: Vec<u64> = Vec::new();
        for _ in 0..len {
            let children = if kind == STRUCT { self.children()? } else { return None };
            deepest = deepest.max(open.len());
            if deepest > DEPTH_MAX {
                return Some(deepest);
            }
            if let Some(siblings) = open.last_mut() {
                *siblings -= 1;
            }
            open.push(children);
            while open.last() == Some(&0) {
                open.pop();
            }
        }
        Some(deepest)
    }

    fn children(&mut self) -> Option<u64> {
        let (mut id, mut children) = (0, 0);
        loop {
            match self.field(&mut id)? {
                STOP => return Some(children),
                kind if id == NUM_CHILDREN && INTEGERS.contains(&kind) => children = u64::try_from(self.zigzag()?).ok()?,
                kind => self.skip(kind, STRUCT_DEPTH_MAX)?,
            }
        }
    }

    /// The next field's type; its id is the last one's and a difference, or follows.
    fn field(&mut self, id: &mut i64) -> Option<u8> {
        let head = self.byte()?;
        let (difference, kind) = (head >> 4, head & 15);
        if kind != STOP {
            *id = if difference == 0 { self.zigzag()? } else { id.checked_add(i64::from(difference))? };
        }
        Some(kind)
    }

    fn list(&mut self) -> Option<(u64, u8)> {
        let head = self.byte()?;
        let len = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
        Some((len, head & 15))
    }

    fn skip(&mut self, kind: u8, depth: u32) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            TRUE | FALSE => Some(()),
            BYTE => self.bytes(1),
            kind if INTEGERS.contains(&kind) => self.varint().map(drop),
            DOUBLE => self.bytes(8),
            BINARY => {
                let len = self.varint()?;
                self.bytes(len)
            }
            kind if LISTS.contains(&kind) => {
                let (len, kind) = self.list()?;
                (0..len).try_for_each(|_| self.skip_element(kind, depth))
            }
            MAP => self.skip_map(depth),
            STRUCT => self.skip_struct(depth),
            _ => None,
        }
    }

    /// In a list, a boolean has a byte of its own.
    fn skip_element(&mut self, kind: u8, depth: u32) -> Option<()> {
        if kind == TRUE || kind == FALSE { self.bytes(1) } else { self.skip(kind, depth) }
    }

    fn skip_map(&mut self, depth: u32) -> Option<()> {
        let len = self.varint()?;
        let kinds = if len == 0 { 0 } else { self.byte()? };
        (0..len).try_for_each(|_| {
            self.skip_element(kinds >> 4, depth)?;
            self.skip_element(kinds & 15, depth)
        })
    }

    fn skip_struct(&mut self, depth: u32) -> Option<()> {
        let mut id = 0;
        loop {
            match self.field(&mut id)? {
                STOP => return Some(()),
                kind => self.skip(kind, depth)?,
            }
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn bytes(&mut self, len: u64) -> Option<()> {
        self.0 = self.0.get(usize::try_from(len).ok()?..)?;
        Some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn zigzag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A footer whose elements have so many children each.
    fn footer(children: &[u8]) -> Vec<u8> {
        // Version 1, then the list of structs.
        let mut bytes = vec![0x15, 2, 0x19, 0xf0 | STRUCT, (children.len() as u8 & 0x7f) | 0x80, (children.len() >> 7) as u8];
        for count in children {
            // A name, and the number of children.
            bytes.extend_from_slice(&[0x48, 1, b'n', 0x15, count * 2, STOP]);
        }
        bytes
    }

    #[test]
    fn depth_is_told_from_the_numbers_of_children() {
        let depth = |children: &[u8]| Thrift(&footer(children)).schema_depth();
        assert_eq!(depth(&[0]), Some(0));
        assert_eq!(depth(&[2, 0, 0]), Some(1));
        assert_eq!(depth(&[2, 1, 1, 0, 0]), Some(3));
        assert_eq!(depth(&[2, 0, 1, 0]), Some(2));
        assert!(check_depth(&footer(&[1; 100])).is_ok());
        assert!(check_depth(&footer(&[1; 5000])).is_err());
    }

    #[test]
    fn what_is_no_footer_is_refused() {
        let whole = footer(&[2, 0, 0]);
        for len in 0..whole.len() {
            assert!(check_depth(&whole[..len]).is_err());
        }
        // Structs in structs without end.
        assert!(check_depth(&[0x1c; 10_000]).is_err());
        assert!(check_depth(&[0x15, 0xff, 0xff]).is_err());
    }
}
