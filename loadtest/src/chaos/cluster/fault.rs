//! The faults, how often each comes, and the schedule that a seed makes of them.

use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use crate::random::Random;

/// Something that breaks. A run with few faults takes the first ones of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fault {
    /// kill -9, and another start.
    KillCoordinator,
    /// kill -9, and another start.
    KillWorker,
    /// SIGTERM, which hands over in order, and another start.
    StopCoordinator,
    /// A coordinator and the store do not reach each other.
    CutStore,
    /// A coordinator and the other coordinators do not reach each other.
    CutPeers,
    /// kill -9 of the store, which has flushed all that it has acknowledged, and another start.
    RestartStore,
    /// What a coordinator sends reaches the store, and no answer comes back.
    CutAnswersOfStore,
    /// kill -9 of the broker, and another start with what it had.
    RestartBroker,
    /// What a coordinator sends to the others does not reach them, what they send reaches it.
    CutPeersOneWay,
    /// SIGSTOP, and SIGCONT after a long time.
    PauseCoordinator,
    /// SIGTERM, which lets handlers come to their end, and another start.
    StopWorker,
    /// A coordinator does not reach the broker.
    CutBroker,
    /// kill -9 of the broker, and another start without anything that it had.
    EmptyBroker,
    /// All messages of all queues are gone while everybody is connected.
    PurgeQueues,
    /// All queues are gone while everybody is connected.
    DeleteQueues,
}

impl Fault {
    /// How many of 200 faults are of this kind: what is over soon comes more often.
    fn weight(self) -> u32 {
        match self {
            Self::KillCoordinator => 54,
            Self::KillWorker => 26,
            Self::StopCoordinator => 22,
            Self::CutStore | Self::RestartStore => 16,
            Self::CutPeers => 14,
            Self::RestartBroker => 10,
            Self::CutPeersOneWay | Self::StopWorker => 8,
            Self::PauseCoordinator => 7,
            Self::CutBroker => 6,
            Self::CutAnswersOfStore => 5,
            Self::EmptyBroker => 4,
            Self::PurgeQueues | Self::DeleteQueues => 2,
        }
    }

    pub(super) fn needs_cuts(self) -> bool {
        match self {
            Self::CutStore | Self::CutPeers | Self::CutAnswersOfStore | Self::CutPeersOneWay | Self::CutBroker => true,
            Self::KillCoordinator
            | Self::KillWorker
            | Self::StopCoordinator
            | Self::RestartStore
            | Self::RestartBroker
            | Self::PauseCoordinator
            | Self::StopWorker
            | Self::EmptyBroker
            | Self::PurgeQueues
            | Self::DeleteQueues => false,
        }
    }

    /// For how long it lasts, as far as that is the test's to say, milliseconds.
    fn lasts(self, pause: Duration) -> std::ops::Range<u64> {
        match self {
            // Until it is started again, after others have taken over.
            Self::KillCoordinator | Self::KillWorker | Self::RestartStore | Self::RestartBroker | Self::EmptyBroker => 0..1_000,
            Self::CutStore => 3_000..7_000,
            // Longer than a worker may be away.
            Self::CutAnswersOfStore => 11_000..15_000,
            Self::CutPeers | Self::CutPeersOneWay | Self::CutBroker => 2_000..8_000,
            Self::PauseCoordinator => {
                let millis = u64::try_from(pause.as_millis()).expect("nobody waits that long");
                millis..millis + 1
            }
            Self::StopCoordinator | Self::StopWorker | Self::PurgeQueues | Self::DeleteQueues => 0..1,
        }
    }

    pub(super) fn name(self) -> String {
        self.to_possible_value().expect("every fault can be named").get_name().to_owned()
    }
}

/// A fault to come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planned {
    pub(super) fault: Fault,
    /// Whom it meets: the numbers of all whom it could meet follow from it.
    pub(super) victim: u64,
    pub(super) lasts: Duration,
    /// From when everything is whole again.
    pub(super) pause_after: Duration,
}

impl Planned {
    /// How long it should take, with what comes after it.
    pub(super) fn expected(&self) -> Duration {
        let millis = match self.fault {
            Fault::KillCoordinator => 3_500,
            Fault::StopCoordinator | Fault::StopWorker | Fault::RestartStore => 2_000,
            Fault::KillWorker | Fault::CutPeers | Fault::CutPeersOneWay | Fault::CutBroker => 1_500,
            Fault::CutStore | Fault::CutAnswersOfStore | Fault::PauseCoordinator => 2_000,
            Fault::RestartBroker | Fault::EmptyBroker => 11_000,
            Fault::PurgeQueues | Fault::DeleteQueues => 5_000,
        };
        Duration::from_millis(millis) + self.lasts + self.pause_after
    }
}

/// Pause between two faults.
const PAUSE_MS: std::ops::Range<u64> = 100..1_200;

/// The schedule: each kind as often as its weight says, in an order that the seed decides.
pub(super) fn schedule(count: u32, kinds: &[Fault], pause: Duration, random: &mut Random) -> Vec<Planned> {
    let mut deck: Vec<Fault> = kinds.iter().copied().take(count as usize).collect();
    let total: u32 = deck.iter().map(|fault| fault.weight()).sum();
    for fault in deck.clone() {
        // One of each is there.
        let more = (fault.weight() * count).div_euclid(total).saturating_sub(1);
        deck.extend(std::iter::repeat_n(fault, more as usize));
    }
    let first = deck[0];
    deck.resize(count as usize, first);
    for place in (1..deck.len()).rev() {
        deck.swap(place, random.below(place as u64 + 1) as usize);
    }
    let plan = |fault: Fault| Planned {
        fault,
        victim: random.next(),
        lasts: millis(random, fault.lasts(pause)),
        pause_after: millis(random, PAUSE_MS),
    };
    deck.into_iter().map(plan).collect()
}

fn millis(random: &mut Random, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(range.start + random.below(range.end - range.start))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn counts(count: u32) -> BTreeMap<Fault, u32> {
        let mut counts = BTreeMap::new();
        for planned in schedule(count, Fault::value_variants(), Duration::from_secs(30), &mut Random::new(7)) {
            *counts.entry(planned.fault).or_default() += 1;
        }
        counts
    }

    #[test]
    fn every_kind_comes_as_often_as_its_weight_says() {
        let kinds = Fault::value_variants();
        assert_eq!(kinds.iter().map(|fault| fault.weight()).sum::<u32>(), 200);
        let counts = counts(200);
        assert!(kinds.iter().all(|fault| counts[fault] == fault.weight()), "{counts:?}");
    }

    #[test]
    fn a_short_run_has_the_first_kinds_and_as_many_faults_as_asked_for() {
        for count in 1..60 {
            let counts = counts(count);
            assert_eq!(counts.values().sum::<u32>(), count);
            assert_eq!(counts.len(), Fault::value_variants().len().min(count as usize));
        }
        assert!(counts(10).contains_key(&Fault::PauseCoordinator) && !counts(10).contains_key(&Fault::EmptyBroker));
    }

    #[test]
    fn a_seed_repeats_its_schedule() {
        let of =
            |seed| format!("{:?}", schedule(50, Fault::value_variants(), Duration::ZERO + Duration::from_secs(1), &mut Random::new(seed)));
        assert_eq!(of(3), of(3));
        assert_ne!(of(3), of(4));
    }
}
