//! The cluster: three coordinators, two workers, a store and a broker, each a real process.

use std::path::Path;

use anyhow::Context;
use baton_local_services::{Folder, RabbitMq, RabbitMqOptions, Redis, ServiceError, free_port};
use tokio::task::spawn_blocking;

use super::network::{Network, Party};
use crate::chaos::process::Process;
use crate::chaos::site::Site;
use crate::http::Endpoint;

pub(super) const COORDINATORS: usize = 3;
const WORKERS: usize = 2;
/// Every acknowledged write is on the disk.
const STORE_OPTIONS: [&str; 2] = ["--appendfsync", "always"];
/// All coordinators that have a network of their own listen on it.
const PORT: u16 = 8083;

/// See the module. What comes later needs what comes before, and is ended before it.
pub(super) struct Members {
    pub(super) workers: Vec<Process>,
    pub(super) coordinators: Vec<Process>,
    pub(super) endpoints: Vec<Endpoint>,
    store: Option<Redis>,
    broker: Option<RabbitMq>,
    pub(super) network: Network,
}

impl Members {
    pub(super) async fn start(baton: &Path, site: &Site, network: Network) -> anyhow::Result<Self> {
        let baton = std::fs::canonicalize(baton).with_context(|| format!("there is no {}", baton.display()))?;
        let (store, broker) = start_services(site, &network).await?;
        let ports: Vec<u16> = (0..COORDINATORS).map(|_| if network.can_cut() { PORT } else { free_port() }).collect();
        let address = |number: usize| format!("http://{}:{}", network.host(Party::Coordinator(number)), ports[number]);
        let addresses: Vec<String> = (0..COORDINATORS).map(address).collect();
        let services = ["--store".to_owned(), store.url(), "--queue".to_owned(), broker.url()];
        let mut coordinators = Vec::new();
        for (number, port) in ports.into_iter().enumerate() {
            let party = Party::Coordinator(number);
            let name = format!("coordinator-{}", number + 1);
            let say = ["coordinator", "--name", &name, "--listen", &network.host(party), "--port", &port.to_string(), "--data-dir"];
            let data = site.folder(&name)?.display().to_string();
            let arguments = say.into_iter().map(str::to_owned).chain([data]).chain(services.clone()).collect();
            coordinators.push(process(&name, network.entrance(party), &baton, arguments, site, "baton ready"));
        }
        let workers = (1..=WORKERS).map(|number| {
            let name = format!("worker-{number}");
            let functions = site.functions().display().to_string();
            let say =
                ["worker", "--name", &name, "--coordinator", &addresses.join(","), "--queue", &broker.url(), "--functions", &functions];
            let arguments = say.into_iter().map(str::to_owned).collect();
            process(&name, Vec::new(), &baton, arguments, site, "baton worker ready").env("BATON_LEDGER", site.ledger())
        });
        let workers = workers.collect();
        let endpoints = addresses.iter().map(|address| address.parse().map_err(anyhow::Error::msg)).collect::<anyhow::Result<_>>()?;
        let mut members = Self { workers, coordinators, endpoints, store: Some(store), broker: Some(broker), network };
        all_ready(&mut members.coordinators).await?;
        all_ready(&mut members.workers).await?;
        Ok(members)
    }

    /// Where the others of the coordinators listen.
    pub(super) fn endpoints_without(&self, victim: usize) -> Vec<Endpoint> {
        let others = self.endpoints.iter().enumerate().filter(|(number, _)| *number != victim);
        others.map(|(_, endpoint)| endpoint.clone()).collect()
    }

    /// Does something with the store beside everything else that goes on.
    pub(super) async fn with_store<T: Send + 'static>(&mut self, work: impl FnOnce(&mut Redis) -> T + Send + 'static) -> T {
        with(&mut self.store, work).await
    }

    /// The same with the broker.
    pub(super) async fn with_broker<T: Send + 'static>(&mut self, work: impl FnOnce(&mut RabbitMq) -> T + Send + 'static) -> T {
        with(&mut self.broker, work).await
    }

    /// Ends everything in order; all must end well.
    pub(super) async fn stop(&mut self) -> anyhow::Result<()> {
        for process in self.workers.iter_mut().chain(&mut self.coordinators) {
            process.stop().await?;
        }
        self.with_broker(RabbitMq::kill).await;
        self.with_store(Redis::kill).await;
        Ok(())
    }
}

async fn with<S: Send + 'static, T: Send + 'static>(service: &mut Option<S>, work: impl FnOnce(&mut S) -> T + Send + 'static) -> T {
    let mut taken = service.take().expect("one thing at a time is done with a service");
    let work = spawn_blocking(move || {
        let answer = work(&mut taken);
        (taken, answer)
    });
    let (taken, answer) = work.await.expect("services are started and ended without panics");
    *service = Some(taken);
    answer
}

async fn start_services(site: &Site, network: &Network) -> anyhow::Result<(Redis, RabbitMq)> {
    let (store_folder, broker_folder) = (site.folder("store")?, site.folder("broker")?);
    let place = network.place(Party::Store);
    let store = spawn_blocking(move || Redis::start_at(place, Folder::kept(store_folder)?, &STORE_OPTIONS));
    let options = RabbitMqOptions { host: network.can_cut().then(|| network.host(Party::Broker)), ..RabbitMqOptions::default() };
    let broker = spawn_blocking(move || RabbitMq::start_with(Folder::kept(broker_folder)?, &options));
    let (store, broker) = tokio::join!(store, broker);
    let started = |error: ServiceError| anyhow::Error::from(error);
    let store = store.expect("a service is started without panics").map_err(started)?;
    Ok((store, broker.expect("a service is started without panics").map_err(started)?))
}

/// A process that ends with this one, however that ends.
fn process(name: &str, entrance: Vec<String>, baton: &Path, arguments: Vec<String>, site: &Site, ready: &'static str) -> Process {
    let ends_with_us = ["--pdeathsig", "KILL", "--"].map(str::to_owned);
    let command = ends_with_us.into_iter().chain(entrance).chain([baton.display().to_string()]).chain(arguments);
    Process::new(name, "setpriv".into(), command.collect(), site.log(name), ready)
}

async fn all_ready(processes: &mut [Process]) -> anyhow::Result<()> {
    for process in processes.iter_mut() {
        process.spawn()?;
    }
    for process in processes {
        process.ready().await?;
    }
    Ok(())
}
