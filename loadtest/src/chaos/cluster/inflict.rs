//! Breaks one thing after the other, sees everything whole again in between, and takes the times.

use std::cell::Cell;
use std::cmp::Reverse;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use baton_local_services::RabbitMq;
use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use super::fault::{Fault, Planned};
use super::members::Members;
use super::network::Party;
use super::probe::{self, MANY, Probes, SOME, have_all_shards};
use super::times::Times;
use crate::http::Endpoint;

/// Whatever has not come back by then does not come back by itself.
const WHOLE_PATIENCE: Duration = Duration::from_secs(60);
/// A coordinator that has fewer shards is not worth a fault: nobody would miss it.
const SHARDS_MIN: u64 = 24;
/// It is given its share within this time after it came, as long as the others live.
const SHARE_PATIENCE: Duration = Duration::from_secs(12);
/// For so long no worker takes anything before the queues are emptied.
const BACKLOG: Duration = Duration::from_millis(1_500);
/// In Erlang's terms: `%1` is done with each queue.
const EACH_QUEUE: &str = "lists:foreach(fun(Q) -> %1 end, rabbit_amqqueue:list()).";
const PURGE: &str = "rabbit_amqqueue:purge(Q)";
const DELETE: &str = "rabbit_amqqueue:delete(Q, false, false, <<\"chaos\">>)";

/// See the module.
pub(super) struct Inflicter {
    pub(super) members: Members,
    pub(super) probes: Probes,
    pub(super) times: Times,
    pub(super) problems: Vec<String>,
}

impl Inflicter {
    /// One fault, from whole to whole; what to say about it.
    pub(super) async fn inflict(&mut self, planned: Planned) -> anyhow::Result<String> {
        let began = Instant::now();
        let told = match planned.fault {
            Fault::KillCoordinator => self.kill_coordinator(planned).await?,
            Fault::StopCoordinator => self.stop_coordinator(planned).await?,
            Fault::PauseCoordinator => self.pause_coordinator(planned).await?,
            Fault::CutStore | Fault::CutAnswersOfStore => self.cut_store(planned).await?,
            Fault::CutPeers | Fault::CutPeersOneWay | Fault::CutBroker => self.cut_others(planned).await?,
            Fault::KillWorker => self.kill_worker(planned).await?,
            Fault::StopWorker => self.stop_worker(planned).await?,
            Fault::RestartStore => self.restart_store(planned).await?,
            Fault::RestartBroker | Fault::EmptyBroker => self.restart_broker(planned).await?,
            Fault::PurgeQueues => self.empty_queues(PURGE).await?,
            Fault::DeleteQueues => self.empty_queues(DELETE).await?,
        };
        self.whole_again(&planned.fault.name()).await?;
        let told = format!("{}{told}; whole after {:.1} s", planned.fault.name(), began.elapsed().as_secs_f64());
        sleep(planned.pause_after).await;
        Ok(told)
    }

    /// Every coordinator knows the others and the broker, all shards are somebody's, and everybody answers for all.
    pub(super) async fn whole_again(&mut self, after: &str) -> anyhow::Result<()> {
        let endpoints = self.members.endpoints.clone();
        let others = endpoints.len() - 1;
        let is_whole = |healths: &[probe::Health]| {
            have_all_shards(healths) && healths.iter().all(|health| health.others == others && health.is_broker_connected)
        };
        let whole = probe::until(&endpoints, WHOLE_PATIENCE, is_whole).await;
        if let Err(stands) = whole {
            self.problems.push(format!("not whole {} s after {after}: {stands}", WHOLE_PATIENCE.as_secs()));
        }
        if !self.probes.are_answered(MANY, &endpoints, WHOLE_PATIENCE).await {
            self.problems.push(format!("not every shard answers {} s after {after}", WHOLE_PATIENCE.as_secs()));
        }
        Ok(())
    }

    /// A coordinator that has its share of the shards.
    async fn victim(&mut self, planned: Planned) -> anyhow::Result<usize> {
        let endpoints = &self.members.endpoints;
        let wanted = planned.victim as usize % endpoints.len();
        let began = Instant::now();
        loop {
            let healths = probe::healths(endpoints).await?;
            let numbers = (0..endpoints.len()).map(|number| (wanted + number) % endpoints.len());
            let most = numbers.clone().find(|number| healths[*number].own_shards >= SHARDS_MIN);
            match most {
                Some(number) => return Ok(number),
                None if began.elapsed() > SHARE_PATIENCE => return Ok(wanted),
                None => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// From now until the others have all shards and answer for them.
    async fn take_over(&mut self, planned: Planned, victim: usize, began: Instant) -> String {
        let others = self.members.endpoints_without(victim);
        let (answered, healthy) =
            tokio::join!(self.probes.are_answered(SOME, &others, WHOLE_PATIENCE), probe::until(&others, WHOLE_PATIENCE, have_all_shards),);
        let taken = began.elapsed();
        match (answered, healthy) {
            (true, Ok(())) => self.times.take_over(planned.fault, taken),
            (_, healthy) => self.problems.push(format!("nobody takes over after {}: {healthy:?}", planned.fault.name())),
        }
        format!(" of {}, taken over after {:.2} s", self.members.coordinators[victim].name(), taken.as_secs_f64())
    }

    async fn kill_coordinator(&mut self, planned: Planned) -> anyhow::Result<String> {
        let victim = self.victim(planned).await?;
        let began = Instant::now();
        self.members.coordinators[victim].kill().await?;
        let told = self.take_over(planned, victim, began).await;
        sleep(planned.lasts).await;
        self.start_again(victim).await?;
        Ok(told)
    }

    async fn start_again(&mut self, coordinator: usize) -> anyhow::Result<()> {
        let process = &mut self.members.coordinators[coordinator];
        process.spawn()?;
        process.ready().await?;
        Ok(())
    }

    async fn stop_coordinator(&mut self, planned: Planned) -> anyhow::Result<String> {
        let victim = self.victim(planned).await?;
        let healths = probe::healths(&self.members.endpoints).await?;
        let part = healths[victim].own_shards as f64 / healths[victim].all_shards as f64;
        let others = self.members.endpoints_without(victim);
        let done = Rc::new(Cell::new(false));
        let probes = self.probes.clone();
        let asking = tokio::task::spawn_local({
            let done = Rc::clone(&done);
            async move { probes.longest_until(&others, done).await }
        });
        let began = Instant::now();
        let stopped = self.members.coordinators[victim].stop().await;
        let taken = began.elapsed();
        done.set(true);
        let mut longest = asking.await.expect("probes do not panic");
        stopped?;
        // Questions about shards that were not handed over had nothing to wait for: they are the quick ones.
        longest.sort_unstable_by_key(|taken| Reverse(*taken));
        longest.truncate((longest.len() as f64 * part).ceil() as usize);
        let slowest = longest.first().copied().unwrap_or_default();
        self.times.hand_over(longest);
        self.start_again(victim).await?;
        let name = self.members.coordinators[victim].name();
        Ok(format!(" of {name}, gone after {:.2} s; shards stood still for {:.3} s at most", taken.as_secs_f64(), slowest.as_secs_f64()))
    }

    async fn pause_coordinator(&mut self, planned: Planned) -> anyhow::Result<String> {
        let victim = self.victim(planned).await?;
        let began = Instant::now();
        self.members.coordinators[victim].signal(Signal::STOP)?;
        let told = self.take_over(planned, victim, began).await;
        sleep((began + planned.lasts).duration_since(Instant::now())).await;
        self.members.coordinators[victim].signal(Signal::CONT)?;
        Ok(told)
    }

    async fn cut_store(&mut self, planned: Planned) -> anyhow::Result<String> {
        let victim = self.victim(planned).await?;
        let (it, store) = (Party::Coordinator(victim), Party::Store);
        let both_ways = planned.fault == Fault::CutStore;
        let began = Instant::now();
        if both_ways {
            self.members.network.cut(it, store)?;
        }
        self.members.network.cut(store, it)?;
        let told = self.take_over(planned, victim, began).await;
        sleep((began + planned.lasts).duration_since(Instant::now())).await;
        if both_ways {
            self.members.network.mend(it, store)?;
        }
        self.members.network.mend(store, it)?;
        Ok(told)
    }

    /// Nobody has to take over: the coordinator goes on with what it has.
    async fn cut_others(&mut self, planned: Planned) -> anyhow::Result<String> {
        let victim = self.victim(planned).await?;
        let it = Party::Coordinator(victim);
        let peers = (0..self.members.coordinators.len()).filter(|number| *number != victim).map(Party::Coordinator);
        let ways: Vec<(Party, Party)> = match planned.fault {
            Fault::CutBroker => vec![(it, Party::Broker)],
            Fault::CutPeersOneWay => peers.map(|peer| (it, peer)).collect(),
            _ => peers.flat_map(|peer| [(it, peer), (peer, it)]).collect(),
        };
        for (from, to) in &ways {
            self.members.network.cut(*from, *to)?;
        }
        sleep(planned.lasts).await;
        for (from, to) in &ways {
            self.members.network.mend(*from, *to)?;
        }
        Ok(format!(" of {} for {:.1} s", self.members.coordinators[victim].name(), planned.lasts.as_secs_f64()))
    }

    async fn kill_worker(&mut self, planned: Planned) -> anyhow::Result<String> {
        let victim = planned.victim as usize % self.members.workers.len();
        let worker = &mut self.members.workers[victim];
        worker.kill().await?;
        self.times.worker_gone(since_1970());
        sleep(planned.lasts).await;
        worker.spawn()?;
        worker.ready().await?;
        Ok(format!(" of {}", worker.name()))
    }

    async fn stop_worker(&mut self, planned: Planned) -> anyhow::Result<String> {
        let victim = planned.victim as usize % self.members.workers.len();
        let worker = &mut self.members.workers[victim];
        let began = Instant::now();
        worker.stop().await?;
        let taken = began.elapsed().as_secs_f64();
        worker.spawn()?;
        worker.ready().await?;
        Ok(format!(" of {}, gone after {taken:.2} s", worker.name()))
    }

    async fn restart_store(&mut self, planned: Planned) -> anyhow::Result<String> {
        let lasts = planned.lasts;
        let restarted = self.members.with_store(move |store| {
            store.kill();
            std::thread::sleep(lasts);
            store.restart()
        });
        restarted.await.context("the store does not come back")?;
        let began = Instant::now();
        let endpoints: Vec<Endpoint> = self.members.endpoints.clone();
        if self.probes.are_answered(SOME, &endpoints, WHOLE_PATIENCE).await {
            self.times.store_back(began.elapsed());
        } else {
            self.problems.push("not every shard answers after the store's return".to_owned());
        }
        Ok(format!(", everybody answers {:.2} s after its return", began.elapsed().as_secs_f64()))
    }

    async fn restart_broker(&mut self, planned: Planned) -> anyhow::Result<String> {
        let (lasts, is_emptied) = (planned.lasts, planned.fault == Fault::EmptyBroker);
        let restarted = self.members.with_broker(move |broker: &mut RabbitMq| {
            broker.kill();
            std::thread::sleep(lasts);
            if is_emptied {
                broker.forget()?;
            }
            broker.restart()
        });
        restarted.await.context("the broker does not come back")?;
        let began = Instant::now();
        self.times.broker_back(since_1970());
        let endpoints = self.members.endpoints.clone();
        let connected = |healths: &[probe::Health]| healths.iter().all(|health| health.is_broker_connected);
        match probe::until(&endpoints, WHOLE_PATIENCE, connected).await {
            Ok(()) => self.times.broker_connected(began.elapsed()),
            Err(stands) => self.problems.push(format!("not everybody is connected to the broker that is back: {stands}")),
        }
        Ok(format!(", everybody is connected {:.2} s after its return", began.elapsed().as_secs_f64()))
    }

    /// There is something in them: nobody has taken it for a while.
    async fn empty_queues(&mut self, how: &str) -> anyhow::Result<String> {
        for worker in &mut self.members.workers {
            worker.stop().await?;
        }
        sleep(BACKLOG).await;
        let command = EACH_QUEUE.replace("%1", how);
        let emptied = self.members.with_broker(move |broker: &mut RabbitMq| broker.ctl(&["eval", &command]).map(drop));
        emptied.await.context("the queues cannot be emptied")?;
        self.times.queues_gone(since_1970());
        for worker in &mut self.members.workers {
            worker.spawn()?;
            worker.ready().await?;
        }
        Ok(String::new())
    }
}

/// By the clock that histories are stamped with.
fn since_1970() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_secs_f64()
}
