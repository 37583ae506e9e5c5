//! The clients' side of redrives: what they have asked for, what they were told, and what the histories must say of it in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use baton_coordinator::shard::RedriveError;
use baton_engine::{Event, EventKind, NotRedrivable};

use super::random::Random;

/// A token is repeated within this time only: later it is forgotten, and the same one redrives again.
const TOKEN_MS: i64 = 10 * 60_000;
/// Times that a client stops one order for nothing.
const STOPS_MAX: u64 = 2;

/// What a client does about an order that it looks after.
pub(crate) enum Care {
    Stop,
    /// With this token.
    Redrive(Arc<str>),
}

/// Of all orders, by number.
#[derive(Default)]
pub(crate) struct Redrives {
    orders: BTreeMap<u64, Order>,
}

#[derive(Default)]
struct Order {
    /// Tokens given out so far, and when the last one was.
    tokens: u64,
    last_at: i64,
    /// By token: when the redrive came.
    told: BTreeMap<Arc<str>, i64>,
    stops: u64,
}

impl Redrives {
    /// What is done about order `n` now. Some repeat a request that may have been answered; some have second thoughts.
    pub(crate) fn care(&mut self, n: u64, now: i64, random: &mut Random) -> Care {
        let order = self.orders.entry(n).or_default();
        if order.stops < STOPS_MAX && random.once_in(6) {
            order.stops += 1;
            return Care::Stop;
        }
        let repeats = order.tokens > 0 && now - order.last_at < TOKEN_MS && random.once_in(3);
        if !repeats {
            order.tokens += 1;
            order.last_at = now;
        }
        Care::Redrive(format!("{n}-{}", order.tokens).into())
    }

    /// The answer to a redrive of order `n`.
    pub(crate) fn told(&mut self, n: u64, token: Arc<str>, result: Result<i64, RedriveError>) {
        match result {
            Ok(at) => {
                let first = *self.orders.entry(n).or_default().told.entry(token).or_insert(at);
                assert_eq!(first, at, "a repeated redrive is answered as the first was");
            }
            Err(RedriveError::NotRedrivable(NotRedrivable::Running | NotRedrivable::Succeeded)) => {}
            Err(other) => panic!("order {n} is there and can be read: {other}"),
        }
    }

    /// Redrives that a client has been told of.
    pub(crate) fn count(&self) -> u64 {
        self.orders.values().map(|order| order.told.len() as u64).sum()
    }

    /// Every redrive that a client was told of stands in the history, once, at its time; each follows an end, and nothing else does;
    /// they are counted without gaps; and nothing that was entered once is entered again.
    pub(crate) fn verify(&self, n: u64, events: &[Event]) {
        let (mut count, mut in_history) = (0, BTreeMap::new());
        let mut entered = BTreeSet::new();
        for (index, event) in events.iter().enumerate() {
            let follows_an_end = index > 0 && ends_badly(&events[index - 1]);
            match &event.kind {
                EventKind::ExecutionRedriven { redrive_count, client_token, .. } => {
                    count += 1;
                    assert!(follows_an_end, "order {n}: a redrive follows an end");
                    assert_eq!(*redrive_count, count, "order {n}: redrives are counted without gaps");
                    let token = client_token.clone().expect("all requests of these clients have tokens");
                    assert!(in_history.insert(token, event.at).is_none(), "order {n}: one request redrives once");
                }
                other => assert!(!follows_an_end, "order {n}: {other:?} follows an end"),
            }
            if let EventKind::StateEntered { state, .. } = event.kind {
                assert!(entered.insert((event.thread, state)), "order {n}: {state:?} is entered twice");
            }
        }
        let told = self.orders.get(&n).map(|order| order.told.clone()).unwrap_or_default();
        for (token, at) in told {
            assert_eq!(in_history.get(&token), Some(&at), "order {n}: redrive {token} was told of");
        }
    }
}

fn ends_badly(event: &Event) -> bool {
    matches!(event.kind, EventKind::ExecutionFailed { .. } | EventKind::ExecutionAborted { .. } | EventKind::ExecutionTimedOut { .. })
}
