//! Runs the server and the worker, and kills them at moments that a seed decides.

use std::path::Path;
use std::time::Duration;

use baton_local_services::free_port;
use serde::Serialize;
use tokio::time::sleep;

use super::Shared;
use super::process::Process;
use super::site::Site;
use crate::random::Random;

/// Of 100 kills, so many come while the victim is still starting up or recovering.
const EARLY_PERCENT: u64 = 20;
const EARLY_MS_MAX: u64 = 150;
const LATE_MS: std::ops::Range<u64> = 200..1800;
/// How long a victim stays away.
const AWAY_MS_MAX: u64 = 300;
/// This part of the orders is there before the first kill; the rest comes with the kills.
const FIRST_ORDERS_PERCENT: usize = 25;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Server,
    Worker,
    Both,
}

impl Victim {
    fn choose(random: &mut Random) -> Self {
        match random.below(10) {
            0..5 => Self::Server,
            5..8 => Self::Worker,
            _ => Self::Both,
        }
    }
}

/// How often what was killed.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct KillCounts {
    pub(crate) server: u32,
    pub(crate) worker: u32,
    pub(crate) both: u32,
    /// Of these, how many hit a process before it was ready.
    pub(crate) before_ready: u32,
}

/// Both processes.
#[derive(Debug)]
pub(super) struct Killer {
    server: Process,
    worker: Process,
    url: String,
    random: Random,
    counts: KillCounts,
}

impl Killer {
    pub(super) async fn start(baton: &Path, site: &Site, random: Random) -> anyhow::Result<Self> {
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let baton = std::fs::canonicalize(baton)?;
        let text = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
        let up = ["up".into(), text(site.server()), "--port".into(), port.to_string(), "--data-dir".into(), text(site.data())];
        let work = ["worker".into(), "--coordinator".into(), url.clone(), "--functions".into(), text(site.functions())];
        let server = Process::new("server", baton.clone(), up.into(), site.log("server"), "baton ready");
        let worker =
            Process::new("worker", baton, work.into(), site.log("worker"), "baton worker ready").env("BATON_LEDGER", site.ledger());
        Self::of(server, worker, url, random).await
    }

    /// Starts these two.
    pub(super) async fn of(server: Process, worker: Process, url: String, random: Random) -> anyhow::Result<Self> {
        let mut killer = Self { server, worker, url, random, counts: KillCounts::default() };
        killer.server.spawn()?;
        killer.server.ready().await?;
        killer.worker.spawn()?;
        killer.worker.ready().await?;
        Ok(killer)
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn counts(&self) -> KillCounts {
        self.counts
    }

    /// Kills something `kills` times. Orders are released as it goes, so that each kill meets new ones and old ones.
    pub(super) async fn kill_again_and_again(&mut self, kills: u32, orders: usize, shared: &Shared) -> anyhow::Result<()> {
        let first = orders * FIRST_ORDERS_PERCENT / 100;
        shared.released.set(first);
        self.pause_while_all_is_well().await;
        for kill in 1..=kills {
            self.kill_one().await?;
            shared.kills.set(kill);
            shared.released.set(first + (orders - first) * kill as usize / kills as usize);
        }
        Ok(())
    }

    pub(super) fn worker_pid(&self) -> Option<u32> {
        self.worker.pid()
    }

    async fn kill_one(&mut self) -> anyhow::Result<()> {
        self.kill_once().await?;
        self.pause_while_all_is_well().await;
        Ok(())
    }

    /// Kills something, and has it ready again.
    pub(super) async fn kill_once(&mut self) -> anyhow::Result<()> {
        let victim = Victim::choose(&mut self.random);
        let early = self.random.chance(EARLY_PERCENT);
        match victim {
            Victim::Server => self.counts.server += 1,
            Victim::Worker => self.counts.worker += 1,
            Victim::Both => self.counts.both += 1,
        }
        if victim != Victim::Worker {
            self.server.kill().await?;
        }
        if victim != Victim::Server {
            self.worker.kill().await?;
        }
        sleep(Duration::from_millis(self.random.below(AWAY_MS_MAX))).await;
        if victim != Victim::Worker {
            self.server.spawn()?;
        }
        if victim != Victim::Server {
            self.worker.spawn()?;
        }
        if early {
            self.counts.before_ready += 1;
            sleep(Duration::from_millis(self.random.below(EARLY_MS_MAX))).await;
            self.kill_in_recovery(victim).await?;
        }
        self.victim_ready(victim).await
    }

    /// The same victim again, while it may still be on its way up.
    async fn kill_in_recovery(&mut self, victim: Victim) -> anyhow::Result<()> {
        if victim != Victim::Worker {
            self.server.kill().await?;
            self.server.spawn()?;
        }
        if victim != Victim::Server {
            self.worker.kill().await?;
            self.worker.spawn()?;
        }
        Ok(())
    }

    async fn victim_ready(&mut self, victim: Victim) -> anyhow::Result<()> {
        if victim != Victim::Worker {
            self.server.ready().await?;
        }
        if victim != Victim::Server {
            self.worker.ready().await?;
        }
        Ok(())
    }

    async fn pause_while_all_is_well(&mut self) {
        let millis = LATE_MS.start + self.random.below(LATE_MS.end - LATE_MS.start);
        sleep(Duration::from_millis(millis)).await;
    }

    pub(super) async fn stop(&mut self) -> anyhow::Result<()> {
        self.worker.stop().await?;
        self.server.stop().await
    }
}
