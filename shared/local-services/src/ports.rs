//! Ports that are free, and stay so while a server is away.

use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Below the range from which Linux takes ports of outgoing connections: a server that is killed must find its port free when it comes back.
const PORTS: std::ops::Range<u16> = 12_000..32_000;

/// Those that this process has been given: a server takes its port a moment after that.
static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// A free port on loopback, another each time, chosen at random so that processes that look at the same time hardly ever meet.
pub fn free_port() -> u16 {
    let mut bytes = [0; 2];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    let offset = u16::from_le_bytes(bytes) % (PORTS.end - PORTS.start);
    let from_there = PORTS.skip(offset.into()).chain(PORTS);
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut free = from_there.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.find(|port| given.insert(*port)).expect("one port of 20,000 is free")
}
