//! `baton up --cluster`: a whole cluster on one machine, for trying it. Redis and RabbitMQ of the system's packages, several coordinators and two
//! workers, each a process of its own; all end with this one, in order when it is asked to end and at once when it is killed.

mod child;
mod services;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use baton_local_services::free_port;

use crate::args::UpArgs;
use crate::client::Client;
use crate::commands::stop_signal::StopSignal;
use crate::config::Config;
use crate::exit::{CliError, CliResult, Exit};
use crate::logs;
use crate::output::note;
use crate::project::{Project, deploy};
use child::Child;
use services::{Service, Services};

const WORKERS: usize = 2;
/// Pause before a process that has ended is started again, so that one can see what the others do meanwhile.
const RESTART_PAUSE: Duration = Duration::from_secs(3);
/// How long all may take to end.
const END_MAX: Duration = Duration::from_secs(100);

pub(crate) fn run(args: UpArgs) -> CliResult {
    logs::init(logs::Style::People);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    // Children are bound to the thread that starts them: this one, which lives as long as the process.
    runtime.expect("a runtime needs only threads and file descriptors").block_on(serve(args))
}

async fn serve(args: UpArgs) -> CliResult {
    let plan = Plan::new(args)?;
    let stop = StopSignal::listen();
    let starting = Running::start(&plan);
    let mut stopped = std::pin::pin!(stop.received(END_MAX));
    let mut running = tokio::select! {
        running = starting => running?,
        () = &mut stopped => return Ok(()),
    };
    running.announce(&plan);
    running.look_after(stopped).await;
    running.end().await;
    Ok(())
}

/// What is to be started.
struct Plan {
    project: Project,
    config: Config,
    /// Where all of it keeps what it has.
    folder: PathBuf,
    functions: PathBuf,
    /// What the command line says, for the children.
    variables: Vec<(&'static str, String)>,
    config_file: Option<PathBuf>,
    coordinators: usize,
}

impl Plan {
    fn new(args: UpArgs) -> CliResult<Self> {
        let UpArgs { serve, coordinators, .. } = args;
        let dir = std::path::absolute(&serve.dir).unwrap_or(serve.dir);
        let file = Config::of_folder(&serve.config, &dir)?;
        if file.member.advertise.is_some() || file.member.tls()?.is_some() {
            return Err(CliError::new(Exit::Usage, "coordinators on one machine cannot share an address or its certificate")
                .next("leave advertise, tls_certificate and tls_key out of the file, or start `baton coordinator` yourself"));
        }
        let said = Config { server: serve.server, limits: serve.limits, aws: serve.aws, ..Config::default() };
        let mut variables = said.variables();
        let config = said.over(file);
        if config.server.item_folders.is_none() {
            // As it is for one server of this folder.
            variables.push(("BATON_ITEM_FOLDERS", dir.display().to_string()));
        }
        let project = Project::load(&dir, &config.aws.checked_location()?)?;
        if project.has_errors() {
            project.report();
            return Err(CliError::new(Exit::Lint, "the folder has errors").next("mend them, `baton lint` shows them too"));
        }
        let usual = dir.join("baton.toml");
        let config_file = serve.config.config.or_else(|| usual.is_file().then_some(usual));
        let folder = config.server.data_dir.clone().unwrap_or_else(|| dir.join(".baton")).join("cluster");
        std::fs::create_dir_all(&folder)
            .map_err(|error| CliError::new(Exit::Failed, format!("cannot make {}: {error}", folder.display())))?;
        Ok(Self { project, config, folder, functions: dir, variables, config_file, coordinators: coordinators.into() })
    }

    /// The first is where clients go.
    fn port_of(&self, number: usize) -> u16 {
        match (number, self.config.server.port) {
            (1, None) => self.config.server.listens().port(),
            (1, Some(port)) if port != 0 => port,
            _ => free_port(),
        }
    }

    fn coordinator(&self, number: usize, services: &Services) -> Child {
        let port = self.port_of(number);
        let name = format!("coordinator-{number}");
        let mut arguments = vec!["coordinator".to_owned(), "--name".to_owned(), name.clone(), "--port".to_owned(), port.to_string()];
        let mut say = |flag: &str, value: String| arguments.extend([flag.to_owned(), value]);
        say("--listen", "127.0.0.1".to_owned());
        say("--store", services.store());
        say("--queue", services.queue());
        say("--data-dir", self.folder.join(&name).display().to_string());
        if let Some(file) = &self.config_file {
            say("--config", file.display().to_string());
        }
        self.child(name, arguments, format!("http://127.0.0.1:{port}"))
    }

    fn worker(&self, number: usize, services: &Services, coordinators: &[Child]) -> Child {
        let name = format!("worker-{number}");
        let addresses: Vec<_> = coordinators.iter().map(Child::address).collect();
        let mut arguments = vec!["worker".to_owned(), "--name".to_owned(), name.clone()];
        let mut say = |flag: &str, value: String| arguments.extend([flag.to_owned(), value]);
        say("--coordinator", addresses.join(","));
        say("--queue", services.queue());
        say("--functions", self.functions.display().to_string());
        if let Some(file) = &self.config_file {
            say("--config", file.display().to_string());
        }
        let child = self.child(name, arguments, String::new());
        match self.config.server.worker_tokens.iter().flatten().next() {
            Some(token) => child.told("BATON_WORKER_TOKEN", token.reveal().to_owned()),
            None => child,
        }
    }

    fn child(&self, name: String, arguments: Vec<String>, address: String) -> Child {
        let log = self.folder.join(format!("{name}.log"));
        self.variables.iter().fold(Child::new(name, arguments, address, log), |child, (name, value)| child.told(name, value.clone()))
    }
}

/// All that runs. What comes later needs what comes before.
struct Running {
    services: Services,
    coordinators: Vec<Child>,
    workers: Vec<Child>,
}

/// What has ended.
enum Ended {
    Service(Service),
    /// By its place among the coordinators, and after them the workers.
    Child(usize),
}

impl Running {
    async fn start(plan: &Plan) -> CliResult<Self> {
        note("starting Redis and RabbitMQ");
        let services = Services::start(&plan.folder).await?;
        let mut coordinators: Vec<_> = (1..=plan.coordinators).map(|number| plan.coordinator(number, &services)).collect();
        all_ready(&mut coordinators).await?;
        let wanted = if plan.project.functions.is_empty() { 0 } else { WORKERS };
        let mut workers: Vec<_> = (1..=wanted).map(|number| plan.worker(number, &services, &coordinators)).collect();
        all_ready(&mut workers).await?;
        let client = Client::of_project(coordinators[0].address(), plan.project.location())?;
        deploy::all(&client, &plan.project).await?;
        Ok(Self { services, coordinators, workers })
    }

    /// The ready line goes to standard output, alone; everything for people goes to standard error.
    fn announce(&self, plan: &Plan) {
        let url = self.coordinators[0].address();
        let mut out = std::io::stdout().lock();
        // Whoever does not read it need not know.
        let _ = writeln!(out, "baton ready {url}").and_then(|()| out.flush());
        for coordinator in &self.coordinators {
            note(&format!("{coordinator}  {}", coordinator.address()));
        }
        self.workers.iter().for_each(|worker| note(&worker.to_string()));
        note(&self.services.to_string());
        note(&format!("data and logs: {}", plan.folder.display()));
        note(&format!("export AWS_ENDPOINT_URL_SFN={url}"));
        note(&format!("baton doctor --store {}  shows the members from outside", self.services.store()));
        for machine in &plan.project.machines {
            note(&format!("serving {}", plan.project.state_machine_arn(&machine.name)));
        }
        note("end one of these processes with kill -9 and watch the others go on; it is started again after a moment");
    }

    /// Starts again what has ended, until all is to end.
    async fn look_after(&mut self, mut stopped: impl Future<Output = ()> + Unpin) {
        loop {
            let ended = tokio::select! {
                () = &mut stopped => return,
                ended = self.ended() => ended,
            };
            tokio::select! {
                () = &mut stopped => return,
                () = tokio::time::sleep(RESTART_PAUSE) => {}
            }
            match self.start_again(ended).await {
                Ok(line) => tracing::info!("runs again: {line}"),
                Err(error) => error.report(),
            }
        }
    }

    /// Waits until one of them has ended, and says so.
    async fn ended(&mut self) -> Ended {
        let children = self.coordinators.iter_mut().chain(&mut self.workers);
        let ends = children.map(|child| Box::pin(child.ended()));
        tokio::select! {
            service = self.services.ended() => {
                tracing::warn!("{service} has ended; it is started again");
                Ended::Service(service)
            }
            (how, number, _) = futures_util::future::select_all(ends) => {
                tracing::warn!("{how}");
                Ended::Child(number)
            }
        }
    }

    async fn start_again(&mut self, ended: Ended) -> CliResult<String> {
        match ended {
            Ended::Service(service) => {
                self.services.start_again(service).await?;
                Ok(self.services.line_of(service))
            }
            Ended::Child(number) => {
                let mut children = self.coordinators.iter_mut().chain(&mut self.workers);
                let child = children.nth(number).expect("it was there when it ended");
                child.start()?;
                Ok(child.to_string())
            }
        }
    }

    /// First those who take work, then those who give it, then where it is kept.
    async fn end(&mut self) {
        tracing::info!("ending workers, then coordinators, then RabbitMQ and Redis");
        futures_util::future::join_all(self.workers.iter_mut().map(Child::end)).await;
        futures_util::future::join_all(self.coordinators.iter_mut().map(Child::end)).await;
        self.services.end().await;
    }
}

async fn all_ready(children: &mut [Child]) -> CliResult {
    for child in children.iter_mut() {
        child.start()?;
    }
    for child in children {
        child.ready().await?;
    }
    Ok(())
}

/// The last lines of a log, for whoever sees that a process has not started.
fn last_lines(log: &Path) -> String {
    const LINES: usize = 5;
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
