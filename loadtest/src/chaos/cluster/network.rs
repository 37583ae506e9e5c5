//! A network of the test's own, in which the way from one address to another can be cut.
//!
//! The whole test runs in a network namespace of its own ([`enter_own_network`]), and each party in one of its own inside it; all hang on one
//! bridge. So nothing of it is seen outside, no address can be anybody else's, and everything goes with its processes, however they end.
//!
//! A way is cut by a wrong entry in the sender's table of neighbours: what is sent goes to a station that is not there, silently, as with a cable that
//! is pulled. The way back is not touched. That needs `ip` of iproute2 and `unshare` and `nsenter` of util-linux, and no firewall.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use baton_local_services::Place;

const BRIDGE: &str = "chaos0";
const NOBODY: &str = "02:00:00:00:00:01";
const NAMESPACE_PATIENCE: Duration = Duration::from_secs(10);

/// Whether ways can be cut here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cuts {
    Possible,
    Impossible,
}

/// Starts this program anew in a network of its own, and does not return then, unless that is not possible or has been done.
pub(crate) fn enter_own_network(inside: bool) -> anyhow::Result<Cuts> {
    if inside {
        return Ok(Cuts::Possible);
    }
    let Some(way_in) = way_in() else {
        eprintln!(
            "LEFT OUT: faults of links. They need network namespaces: run this as root, with ip of iproute2 and unshare and nsenter of util-linux"
        );
        return Ok(Cuts::Impossible);
    };
    let program = std::env::current_exe().context("this program does not know where it lies")?;
    let error = Command::new("unshare").args(way_in).arg("--").arg(program).args(std::env::args_os().skip(1)).arg("--inside").exec();
    Err(error).context("cannot run unshare")
}

/// Arguments of `unshare` that give a network in which links can be made: as root, or as who looks like root to it.
fn way_in() -> Option<&'static [&'static str]> {
    const WAYS: [&[&str]; 2] = [&["--net"], &["--user", "--map-root-user", "--net"]];
    // Everything that is needed, tried out.
    const TRIAL: &str = "ip link set lo up && ip link add chaos0 type bridge && nsenter --net=/proc/self/ns/net true";
    let works = |way: &&&[&str]| {
        let mut trial = Command::new("unshare");
        trial.args(**way).args(["--", "sh", "-c", TRIAL]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        trial.status().is_ok_and(|status| status.success())
    };
    WAYS.iter().find(works).copied()
}

/// The addresses of all who take part.
#[derive(Debug)]
pub(super) struct Network {
    /// `None` where ways cannot be cut: all are on loopback.
    stations: Option<Vec<Station>>,
}

/// A party that is reached at an address of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Party {
    /// By number.
    Coordinator(usize),
    Store,
    /// Lives where the workers and the clients live: it can be cut from others, others not from it.
    Broker,
}

/// A namespace, which lives as long as the process that was started in it.
#[derive(Debug)]
struct Station {
    party: Party,
    keeper: Child,
}

impl Network {
    /// For so many coordinators.
    pub(super) fn make(cuts: Cuts, coordinators: usize) -> anyhow::Result<Self> {
        if cuts == Cuts::Impossible {
            return Ok(Self { stations: None });
        }
        ip(&["link", "set", "lo", "up"])?;
        ip(&["link", "add", BRIDGE, "type", "bridge"])?;
        for address in [HERE.to_owned(), address(Party::Broker)] {
            ip(&["addr", "add", &format!("{address}/24"), "dev", BRIDGE])?;
        }
        ip(&["link", "set", BRIDGE, "up"])?;
        let parties = (0..coordinators).map(Party::Coordinator).chain([Party::Store]);
        let stations = parties.map(Station::make).collect::<anyhow::Result<_>>()?;
        Ok(Self { stations: Some(stations) })
    }

    pub(super) fn can_cut(&self) -> bool {
        self.stations.is_some()
    }

    /// Where a party listens.
    pub(super) fn host(&self, party: Party) -> String {
        if self.can_cut() { address(party) } else { "127.0.0.1".to_owned() }
    }

    /// What a party's command is put behind.
    pub(super) fn entrance(&self, party: Party) -> Vec<String> {
        self.station(party).map(Station::entrance).unwrap_or_default()
    }

    pub(super) fn place(&self, party: Party) -> Place {
        Place { host: self.host(party), entrance: self.entrance(party) }
    }

    /// Nothing that `from` sends to `to` arrives any more.
    pub(super) fn cut(&self, from: Party, to: Party) -> anyhow::Result<()> {
        self.neighbour(from, &["replace", &address(to), "lladdr", NOBODY, "nud", "permanent"])
    }

    /// It does again.
    pub(super) fn mend(&self, from: Party, to: Party) -> anyhow::Result<()> {
        self.neighbour(from, &["del", &address(to)])
    }

    fn neighbour(&self, from: Party, arguments: &[&str]) -> anyhow::Result<()> {
        let station = self.station(from).with_context(|| format!("{from:?} has no network of its own"))?;
        station.ip(&[&["neigh"], arguments, &["dev", "eth0"]].concat())
    }

    fn station(&self, party: Party) -> Option<&Station> {
        self.stations.iter().flatten().find(|station| station.party == party)
    }
}

/// Of the test itself, its workers and its clients.
const HERE: &str = "10.83.0.1";

fn address(party: Party) -> String {
    match party {
        Party::Store => "10.83.0.2".to_owned(),
        Party::Broker => "10.83.0.3".to_owned(),
        Party::Coordinator(number) => format!("10.83.0.{}", 11 + number),
    }
}

impl Station {
    fn make(party: Party) -> anyhow::Result<Self> {
        // It ends with its standard input, and that with this process.
        let mut keeper = Command::new("unshare");
        keeper.args(["--net", "--", "cat"]).stdin(Stdio::piped()).stdout(Stdio::null());
        // ^C in a terminal is for the test, which needs its network until everything in it has ended.
        let keeper = keeper.process_group(0).spawn().context("cannot run unshare")?;
        let station = Self { party, keeper };
        station.wait_for_namespace()?;
        let link = match party {
            Party::Coordinator(number) => format!("coordinator{number}"),
            Party::Store => "store".to_owned(),
            Party::Broker => unreachable!("the broker has no network of its own"),
        };
        let pid = station.keeper.id().to_string();
        ip(&["link", "add", &link, "type", "veth", "peer", "name", "eth0", "netns", &pid])?;
        ip(&["link", "set", &link, "master", BRIDGE, "up"])?;
        station.ip(&["addr", "add", &format!("{}/24", address(party)), "dev", "eth0"])?;
        station.ip(&["link", "set", "lo", "up"])?;
        station.ip(&["link", "set", "eth0", "up"])?;
        Ok(station)
    }

    fn wait_for_namespace(&self) -> anyhow::Result<()> {
        let namespace = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/net"));
        let ours = namespace("self").context("this system has no network namespaces")?;
        let began = Instant::now();
        while namespace(&self.keeper.id().to_string()).is_ok_and(|theirs| theirs == ours) {
            if began.elapsed() > NAMESPACE_PATIENCE {
                bail!("unshare has made no network namespace");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    fn entrance(&self) -> Vec<String> {
        ["nsenter".to_owned(), format!("--net=/proc/{}/ns/net", self.keeper.id()), "--".to_owned()].into()
    }

    fn ip(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let entrance = self.entrance();
        let mut command = Command::new(&entrance[0]);
        command.args(&entrance[1..]).arg("ip");
        carry_out(command, arguments)
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        // One that has ended by itself has nothing left to end.
        let _ = self.keeper.kill().and_then(|()| self.keeper.wait());
    }
}

fn ip(arguments: &[&str]) -> anyhow::Result<()> {
    carry_out(Command::new("ip"), arguments)
}

fn carry_out(mut command: Command, arguments: &[&str]) -> anyhow::Result<()> {
    let output = command.args(arguments).stdin(Stdio::null()).output().context("cannot run ip")?;
    if !output.status.success() {
        bail!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
