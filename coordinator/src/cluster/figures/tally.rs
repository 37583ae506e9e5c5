//! Tallies by ARN: numbers that are a host's own until they are handed over.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use metrics::Counter;

use crate::telemetry::{OTHER, bounded};

/// ARNs that are found without asking whether they have a label of their own.
const REMEMBERED_MAX: usize = 4_096;

/// What is tallied for each ARN of a kind.
pub(super) trait Tally {
    /// Name of the label.
    const LABEL: &'static str;

    /// An empty one. `arn` is shown as `label`, which is [`OTHER`] for all that come too late.
    fn new(arn: &str, label: &str) -> Self;
}

/// All tallies of a kind.
pub(super) struct Tallies<T> {
    by_arn: HashMap<Arc<str>, usize, FixedState>,
    all: Vec<T>,
    /// The one of all that have no label of their own.
    other: Option<usize>,
    /// Those that have something to hand over.
    dirty: Vec<usize>,
    is_dirty: Vec<bool>,
}

impl<T> Default for Tallies<T> {
    fn default() -> Self {
        Self { by_arn: HashMap::default(), all: Vec::new(), other: None, dirty: Vec::new(), is_dirty: Vec::new() }
    }
}

impl<T: Tally> Tallies<T> {
    /// The tally of this ARN. It is handed over with the next [`flush`](Self::flush).
    pub(super) fn of(&mut self, arn: &Arc<str>) -> &mut T {
        let index = match self.by_arn.get(arn) {
            Some(index) => *index,
            None => self.add(arn),
        };
        if !std::mem::replace(&mut self.is_dirty[index], true) {
            self.dirty.push(index);
        }
        &mut self.all[index]
    }

    fn add(&mut self, arn: &Arc<str>) -> usize {
        let label = bounded(T::LABEL, arn);
        let index = match self.other.filter(|_| label == OTHER) {
            Some(index) => index,
            None => {
                self.all.push(T::new(arn, label));
                self.is_dirty.push(false);
                self.all.len() - 1
            }
        };
        if label == OTHER {
            self.other = Some(index);
        }
        if self.by_arn.len() < REMEMBERED_MAX {
            self.by_arn.insert(arn.clone(), index);
        }
        index
    }

    /// Hands over what has come together.
    pub(super) fn flush(&mut self, flush: impl Fn(&mut T)) {
        for index in self.dirty.drain(..) {
            self.is_dirty[index] = false;
            flush(&mut self.all[index]);
        }
    }
}

/// A number and the counter that it goes to.
pub(super) struct Count {
    count: u64,
    counter: Counter,
}

impl Count {
    pub(super) fn new(counter: Counter) -> Self {
        Self { count: 0, counter }
    }

    pub(super) fn add(&mut self, count: u64) {
        self.count += count;
    }

    pub(super) fn flush(&mut self) {
        if self.count > 0 {
            self.counter.increment(std::mem::take(&mut self.count));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::LABEL_VALUES_MAX;

    struct Named(String, u64);

    impl Tally for Named {
        const LABEL: &'static str = "tally test";

        fn new(_: &str, label: &str) -> Self {
            Self(label.to_owned(), 0)
        }
    }

    #[test]
    fn those_without_a_label_share_a_tally_and_each_is_flushed_once() {
        let mut tallies = Tallies::<Named>::default();
        for number in 0..LABEL_VALUES_MAX + 2 {
            tallies.of(&number.to_string().into()).1 += 1;
        }
        tallies.of(&"7".into()).1 += 1;
        assert_eq!((tallies.all.len(), tallies.dirty.len()), (LABEL_VALUES_MAX + 1, LABEL_VALUES_MAX + 1));
        let flushed = std::cell::RefCell::new(Vec::new());
        tallies.flush(|named| flushed.borrow_mut().push((named.0.clone(), named.1)));
        assert!(flushed.borrow().contains(&("7".to_owned(), 2)) && flushed.borrow().contains(&(OTHER.to_owned(), 2)));
        tallies.flush(|_| panic!("nothing has come since"));
    }
}
