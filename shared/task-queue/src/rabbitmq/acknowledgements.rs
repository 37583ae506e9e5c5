//! Acknowledgements in groups: one frame for many messages where their order allows it.

use std::collections::VecDeque;

/// What is to be told to the broker about deliveries of one channel, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// This one.
    Acknowledge(u64),
    /// This one and all before it that are not answered yet.
    AcknowledgeUpTo(u64),
    /// Back into the queue.
    Return(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    Open,
    Acknowledged,
    Returned,
    Answered,
}

/// The deliveries of one channel from the oldest that is not answered. A byte each, until all before it are answered.
#[derive(Debug)]
pub(super) struct Acknowledgements {
    /// Tag of the first of `tags`; the broker counts them from 1.
    first: u64,
    tags: VecDeque<Tag>,
    waiting: usize,
}

impl Default for Acknowledgements {
    fn default() -> Self {
        Self { first: 1, tags: VecDeque::new(), waiting: 0 }
    }
}

impl Acknowledgements {
    /// The broker has delivered it. Tags come in order; one that was left out was answered by the channel itself.
    pub(super) fn delivered(&mut self, tag: u64) {
        while self.first + (self.tags.len() as u64) < tag {
            self.tags.push_back(Tag::Answered);
        }
        self.tags.push_back(Tag::Open);
    }

    /// How it ended; without effect the second time.
    pub(super) fn settle(&mut self, tag: u64, is_acknowledged: bool) {
        let index = tag.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        if let Some(state) = index.and_then(|index| self.tags.get_mut(index)).filter(|state| **state == Tag::Open) {
            *state = if is_acknowledged { Tag::Acknowledged } else { Tag::Returned };
            self.waiting += 1;
        }
    }

    /// How many ends the broker has not been told.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// What to tell it now.
    pub(super) fn take(&mut self) -> Vec<Answer> {
        self.waiting = 0;
        let mut answers = Vec::new();
        let mut prefix = Vec::new();
        while let Some(state) = self.tags.front().filter(|state| **state != Tag::Open) {
            match state {
                Tag::Acknowledged => prefix.push(self.first),
                Tag::Returned => answers.push(Answer::Return(self.first)),
                Tag::Answered => {}
                Tag::Open => unreachable!("filtered out above"),
            }
            self.tags.pop_front();
            self.first += 1;
        }
        // After the returned ones of the prefix, which it would take with it.
        match prefix[..] {
            [] => {}
            [one] => answers.push(Answer::Acknowledge(one)),
            [.., last] => answers.push(Answer::AcknowledgeUpTo(last)),
        }
        for (tag, state) in (self.first..).zip(&mut self.tags) {
            match state {
                Tag::Acknowledged => answers.push(Answer::Acknowledge(tag)),
                Tag::Returned => answers.push(Answer::Return(tag)),
                Tag::Open | Tag::Answered => continue,
            }
            *state = Tag::Answered;
        }
        answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(up_to: u64) -> Acknowledgements {
        let mut tags = Acknowledgements::default();
        (1..=up_to).for_each(|tag| tags.delivered(tag));
        tags
    }

    #[test]
    fn an_unbroken_run_is_one_answer() {
        let mut tags = delivered(5);
        [3, 1, 2].iter().for_each(|tag| tags.settle(*tag, true));
        assert_eq!(tags.waiting(), 3);
        assert_eq!(tags.take(), [Answer::AcknowledgeUpTo(3)]);
        assert_eq!((tags.waiting(), tags.take()), (0, vec![]));
        tags.settle(4, true);
        assert_eq!(tags.take(), [Answer::Acknowledge(4)]);
    }

    #[test]
    fn behind_an_open_one_each_is_answered_by_itself_and_once() {
        let mut tags = delivered(4);
        [2, 4].iter().for_each(|tag| tags.settle(*tag, true));
        assert_eq!(tags.take(), [Answer::Acknowledge(2), Answer::Acknowledge(4)]);
        [1, 3].iter().for_each(|tag| tags.settle(*tag, true));
        assert_eq!(tags.take(), [Answer::AcknowledgeUpTo(3)]);
        tags.delivered(5);
        tags.settle(5, true);
        assert_eq!(tags.take(), [Answer::Acknowledge(5)]);
    }

    #[test]
    fn returned_ones_are_never_taken_along() {
        let mut tags = delivered(4);
        tags.settle(2, false);
        [1, 3].iter().for_each(|tag| tags.settle(*tag, true));
        tags.settle(2, true);
        assert_eq!(tags.take(), [Answer::Return(2), Answer::AcknowledgeUpTo(3)]);
        tags.settle(4, false);
        assert_eq!(tags.take(), [Answer::Return(4)]);
        tags.settle(4, true);
        tags.settle(99, true);
        assert_eq!(tags.take(), []);
    }

    /// Whatever the order of ends and of answers: each tag ends at the broker as it was told to, once.
    #[test]
    fn every_order_ends_every_tag_as_told() {
        for seed in 0..200_u64 {
            let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let mut draw = |bound: u64| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (random >> 33) % bound
            };
            let (mut tags, mut open, mut told, mut at_broker) = (Acknowledgements::default(), Vec::new(), Vec::new(), Vec::new());
            for tag in 1..=40 {
                tags.delivered(tag);
                open.push(tag);
                while !open.is_empty() && draw(3) == 0 {
                    let tag = open.swap_remove(draw(open.len() as u64) as usize);
                    let is_acknowledged = draw(4) > 0;
                    tags.settle(tag, is_acknowledged);
                    told.push((tag, is_acknowledged));
                }
                if draw(4) == 0 {
                    answer(&mut at_broker, tag, &tags.take());
                }
            }
            answer(&mut at_broker, 40, &tags.take());
            told.sort_unstable();
            at_broker.sort_unstable();
            assert_eq!(told, at_broker, "seed {seed}");
        }
    }

    /// As the broker understands it: "up to" ends all that is open.
    fn answer(ended: &mut Vec<(u64, bool)>, delivered: u64, answers: &[Answer]) {
        for answer in answers {
            let is_open = |tag: &u64, ended: &[(u64, bool)]| ended.iter().all(|(other, _)| other != tag);
            let newly: Vec<(u64, bool)> = match *answer {
                Answer::Acknowledge(tag) => vec![(tag, true)],
                Answer::Return(tag) => vec![(tag, false)],
                Answer::AcknowledgeUpTo(last) => (1..=last).filter(|tag| is_open(tag, ended)).map(|tag| (tag, true)).collect(),
            };
            assert!(newly.iter().all(|(tag, _)| *tag <= delivered && is_open(tag, ended)), "{answer:?} after {ended:?}");
            ended.extend(newly);
        }
    }
}
