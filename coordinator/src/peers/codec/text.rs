//! Texts of other members that people read. Here they are as lasting as texts of this process, which they mostly are.

use std::collections::BTreeSet;

use parking_lot::Mutex;

/// Texts that are kept, and how long each may be. They are those of one program: there are few.
const TEXTS_MAX: usize = 256;
const LEN_MAX: usize = 1_024;
/// What stands for any others.
const OTHER: &str = "The server that has the execution cannot answer at the moment.";

static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// The text, kept for good.
pub(super) fn lasting(text: &str) -> &'static str {
    let mut known = KNOWN.lock();
    if let Some(known) = known.get(text) {
        return known;
    }
    if known.len() >= TEXTS_MAX || text.len() > LEN_MAX {
        return OTHER;
    }
    let text: &'static str = Box::leak(text.to_owned().into_boxed_str());
    known.insert(text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once_and_none_that_is_too_long() {
        assert_eq!(lasting("one").as_ptr(), lasting("one").as_ptr());
        assert_eq!(lasting(&"x".repeat(LEN_MAX + 1)), OTHER);
    }
}
