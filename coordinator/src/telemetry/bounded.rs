//! Bounded labels: what users name may be of any number, and a time series costs memory here and in every Prometheus.

use std::collections::{BTreeMap, HashSet};

use parking_lot::Mutex;

/// Values that one kind of label has of its own.
pub const LABEL_VALUES_MAX: usize = 500;
/// The value that all others share.
pub const OTHER: &str = "other";

/// The label value for `value`: itself for the first [`LABEL_VALUES_MAX`] of its kind that this process has seen, [`OTHER`] after that.
/// `kind` is the name of the label.
pub fn bounded<'a>(kind: &'static str, value: &'a str) -> &'a str {
    static SEEN: Mutex<BTreeMap<&str, HashSet<Box<str>>>> = Mutex::new(BTreeMap::new());
    let mut seen = SEEN.lock();
    let seen = seen.entry(kind).or_default();
    if seen.contains(value) {
        return value;
    }
    if seen.len() >= LABEL_VALUES_MAX {
        return OTHER;
    }
    seen.insert(value.into());
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_were_first_keep_their_own() {
        for number in 0..LABEL_VALUES_MAX {
            let value = number.to_string();
            assert_eq!(bounded("test", &value), value);
        }
        assert_eq!(bounded("test", "late"), OTHER);
        assert_eq!(bounded("test", "7"), "7");
        assert_eq!(bounded("another test", "late"), "late");
    }
}
