//! Which member should own which shard: rendezvous hashing, weighted.
//!
//! Each member has a score for each shard, and the highest has the shard. So a member that comes takes its part from all others, one that
//! goes leaves its part to all others, and nothing else moves.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::store::{Member, ShardId};

/// Members among whom shards are placed, and the seeds of their scores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Candidates(Vec<Candidate>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candidate {
    incarnation: u64,
    seed: u64,
    weight: u32,
}

impl Candidates {
    /// Of these, in the order of their incarnations. Scores follow from names, so that a member has the same shards after a restart;
    /// namesakes are told apart by their order.
    pub(super) fn of<'a>(members: impl Iterator<Item = &'a Member> + Clone) -> Self {
        let namesakes_before = |member: &Member| {
            let namesake = |other: &&Member| other.name == member.name && other.incarnation < member.incarnation;
            members.clone().filter(namesake).count() as u64
        };
        let candidate = |member: &Member| Candidate {
            incarnation: member.incarnation,
            seed: xxh3_64_with_seed(member.name.as_bytes(), namesakes_before(member)),
            weight: member.weight.max(1),
        };
        Self(members.clone().map(candidate).collect())
    }

    /// Whose the shard should be; `None` if there is nobody.
    pub(super) fn owner(&self, shard: ShardId) -> Option<u64> {
        let scored = self.0.iter().map(|candidate| (candidate.score(shard), candidate.incarnation));
        scored.max_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))).map(|(_, incarnation)| incarnation)
    }
}

impl Candidate {
    /// An exponentially distributed draw, scaled by the weight: the chance to have the highest is in proportion to it.
    fn score(self, shard: ShardId) -> f64 {
        let hash = xxh3_64_with_seed(&shard.0.to_le_bytes(), self.seed);
        // 53 bits are what a float takes without rounding; never 0 and never 1.
        let uniform = ((hash >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        f64::from(self.weight) / -uniform.ln()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::ShardSet;

    fn member(incarnation: u64, name: &str, weight: u32) -> Member {
        Member {
            name: name.into(),
            incarnation,
            address: "".into(),
            weight,
            level: 1,
            is_leaving: false,
            owned: ShardSet::default(),
            sessions: Arc::new([]),
        }
    }

    fn owners(members: &[Member]) -> Vec<u64> {
        let candidates = Candidates::of(members.iter());
        (0..4096).map(|shard| candidates.owner(ShardId(shard)).expect("there is somebody")).collect()
    }

    #[test]
    fn shards_are_spread_by_weight() {
        let owners = owners(&[member(1, "a", 1), member(2, "b", 2), member(3, "c", 5)]);
        let share = |of| owners.iter().filter(|owner| **owner == of).count();
        for (incarnation, expected) in [(1, 512), (2, 1024), (3, 2560)] {
            let share = share(incarnation);
            assert!(share.abs_diff(expected) < expected / 5, "{incarnation} has {share} shards instead of {expected}");
        }
    }

    #[test]
    fn who_comes_takes_its_part_and_moves_nothing_else() {
        let mut members = vec![member(1, "a", 4), member(2, "b", 4)];
        let before = owners(&members);
        members.push(member(3, "c", 4));
        let after = owners(&members);
        assert!(before.iter().zip(&after).all(|(before, after)| before == after || *after == 3));
        members.remove(2);
        assert_eq!(owners(&members), before);
    }

    #[test]
    fn a_member_has_the_same_shards_after_a_restart() {
        let before = owners(&[member(1, "a", 4), member(2, "b", 4)]);
        let after = owners(&[member(2, "b", 4), member(9, "a", 4)]);
        assert!(before.iter().zip(&after).all(|(before, after)| (*before == 2) == (*after == 2)));
    }

    #[test]
    fn namesakes_share() {
        let owners = owners(&[member(1, "a", 4), member(2, "a", 4)]);
        assert!(owners.iter().filter(|owner| **owner == 1).count().abs_diff(2048) < 400);
    }

    #[test]
    fn nobody_owns_what_nobody_is_there_for() {
        assert_eq!(Candidates::default().owner(ShardId(1)), None);
    }
}
