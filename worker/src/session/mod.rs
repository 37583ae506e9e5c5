//! The session with a coordinator, `baton/worker/v1/worker.proto`: says hello, gives credits, takes grants, reports outcomes until they are decided.
//!
//! One task owns all state ([`claims`], [`queues`], [`offers`], [`pull`]), so nothing here is locked. Whatever is ready goes out together: outcomes with the slots they
//! free in one message, however many there are. The connection may end and begin as it likes; handlers do not notice.

mod backoff;
mod claims;
mod link;
mod offers;
mod outbound;
mod pull;
mod queues;
mod runner;
mod tasks;

use std::sync::Arc;
use std::time::Duration;

use baton_proto::worker::v1::coordinator_message::Message as FromCoordinator;
use baton_proto::worker::v1::{CoordinatorMessage, Dispatch, LogLine, Welcome};
use baton_task_queue::{Link as BrokerLink, TaskQueue};
use std::collections::VecDeque;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tonic::transport::Endpoint;

use crate::logs::{self, LogReceiver, LogSender};
use backoff::Backoff;
use claims::Claims;
pub(crate) use link::Credentials;
use link::{Link, LinkEvent};
use offers::PendingClaims;
use outbound::Outbound;
use pull::{PullNews, Pulls};
use queues::Queues;
pub(crate) use queues::Service;
use runner::{Job, RunnerEvent};

/// An opened session on which no Welcome comes is given up.
const WELCOME_MAX: Duration = Duration::from_secs(10);
/// How often outcomes that are not acknowledged are looked at.
const RETRY_TICK: Duration = Duration::from_millis(100);
/// How often handlers end what has been idle for long.
const SWEEP: Duration = Duration::from_secs(60);
/// What a coordinator may take to close the session after `Bye`; a grant that crossed it on the way is still run.
const BYE_GRACE: Duration = Duration::from_secs(1);
const HEARTBEAT_DEFAULT: Duration = Duration::from_secs(1);
/// Log lines that wait while the coordinator is away; the oldest go first.
const LINES_MAX: usize = 10_000;

/// Who this worker is and where its coordinators are.
pub(crate) struct SessionConfig {
    pub(crate) name: String,
    pub(crate) incarnation: u64,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) dispatch: Dispatch,
    pub(crate) in_process: bool,
    pub(crate) credentials: Credentials,
    /// Where offers are found; over the session without one, and while it is away.
    pub(crate) broker: Option<Arc<dyn TaskQueue>>,
}

/// What the owner of a worker asks of its session.
pub(crate) enum Command {
    /// Serve these from now on.
    Serve(Vec<Service>),
    /// Forget what is warm of these queues.
    Reload(Vec<String>),
    /// Take nothing new, end what runs, and say goodbye; answered when that is done.
    Drain(oneshot::Sender<()>),
}

/// Why a coordinator does not let a worker in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its token is missing, or is none of theirs.
    #[error("the coordinator does not let this worker in: {0}")]
    Credentials(Arc<str>),
    /// The two do not fit together; the coordinator says why.
    #[error("the coordinator cannot work with this worker: {0}")]
    Unfit(Arc<str>),
}

/// What can be seen of a session from outside.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorkerStatus {
    /// True between the coordinator's Welcome and the end of that connection.
    pub connected: bool,
    /// Invocations that run.
    pub running: usize,
    /// Outcomes that the coordinator has not decided about yet.
    pub unacknowledged: usize,
    /// Why the coordinator that was asked last has not let this worker in, and will not: its token, its release, or the broker that it reads.
    pub refusal: Option<Refusal>,
}

pub(crate) struct Session {
    config: SessionConfig,
    endpoint: usize,
    queues: Queues,
    claims: Claims,
    offers: PendingClaims,
    pulls: Pulls,
    /// What the broker calls the queues that are served; empty without a session.
    broker_queues: Vec<(usize, String)>,
    link: Link,
    backoff: Backoff,
    last_failure: Option<String>,
    refusal: Option<Refusal>,
    outbound: Outbound,
    /// Until when the Welcome must have come; none once it has, or without a connection.
    welcome_by: Option<Instant>,
    heartbeat: Duration,
    next_heartbeat: Instant,
    next_retry: Instant,
    next_sweep: Instant,
    events_sender: mpsc::UnboundedSender<RunnerEvent>,
    events: mpsc::UnboundedReceiver<RunnerEvent>,
    log_sender: LogSender,
    logs: LogReceiver,
    commands: mpsc::UnboundedReceiver<Command>,
    status: watch::Sender<WorkerStatus>,
    draining: Vec<oneshot::Sender<()>>,
    jobs: Vec<Job>,
}

pub(crate) fn endpoint(url: &str, ca_pem: Option<&str>) -> Result<Endpoint, String> {
    link::endpoint(url, ca_pem)
}

impl Session {
    pub(crate) fn new(
        config: SessionConfig,
        services: Vec<Service>,
        commands: mpsc::UnboundedReceiver<Command>,
        status: watch::Sender<WorkerStatus>,
    ) -> Self {
        let (events_sender, events) = mpsc::unbounded_channel();
        let (log_sender, logs) = logs::channel(config.in_process);
        let now = Instant::now();
        let pulls = Pulls::new(config.broker.clone());
        Self {
            config,
            endpoint: 0,
            queues: Queues::new(services),
            claims: Claims::default(),
            offers: PendingClaims::default(),
            pulls,
            broker_queues: Vec::new(),
            link: Link::Down { until: now },
            backoff: Backoff::default(),
            last_failure: None,
            refusal: None,
            outbound: Outbound::default(),
            welcome_by: None,
            heartbeat: HEARTBEAT_DEFAULT,
            next_heartbeat: now,
            next_retry: now,
            next_sweep: now + SWEEP,
            events_sender,
            events,
            log_sender,
            logs,
            commands,
            status,
            draining: Vec::new(),
            jobs: Vec::new(),
        }
    }

    /// Runs until it is stopped or has drained.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        loop {
            let wake = self.next_wake();
            tokio::select! {
                () = stop.cancelled() => break,
                event = self.link.next() => self.on_link(event),
                news = self.pulls.next() => self.on_pull(news),
                event = self.events.recv() => self.on_runner(event.expect("the session keeps a sender of its own")),
                line = self.logs.lines.recv() => self.on_log_line(line.expect("the session keeps a sender of its own")),
                command = self.commands.recv() => match command {
                    Some(command) => self.on_command(command),
                    // Nobody is left who could ask for anything; the token still stops the session.
                    None => self.commands = mpsc::unbounded_channel().1,
                },
                () = self.outbound.room() => {}
                () = sleep_until(wake) => {}
            }
            self.take_ready();
            self.on_time(Instant::now());
            self.pulls.claim(&mut self.queues, &mut self.offers);
            self.flush();
            self.publish();
            if self.is_done() {
                break;
            }
        }
        self.claims.abort_all();
        for reply in self.draining.drain(..) {
            let _ = reply.send(());
        }
        self.status.send_modify(|status| status.connected = false);
    }

    /// Takes along what else has become ready, so that it leaves in the same messages.
    fn take_ready(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            self.on_runner(event);
        }
        while let Some(told) = self.pulls.try_next() {
            self.on_pull(PullNews::Told(told));
        }
        while let Ok(line) = self.logs.lines.try_recv() {
            self.on_log_line(line);
        }
        if !self.jobs.is_empty() {
            runner::start(std::mem::take(&mut self.jobs), &self.events_sender);
        }
    }

    // ---- Time ----

    fn next_wake(&self) -> Instant {
        let mut wake = self.next_sweep;
        if self.is_welcomed() {
            wake = wake.min(self.next_heartbeat);
        }
        if self.claims.unacknowledged_count() > 0 {
            wake = wake.min(self.next_retry);
        }
        let others = [self.welcome_by, self.pulls.next_due(), self.offers.next_look().filter(|_| self.is_welcomed())];
        wake = others.into_iter().flatten().fold(wake, Instant::min);
        self.outbound.bye_said().map_or(wake, |said| wake.min(said + BYE_GRACE))
    }

    fn on_time(&mut self, now: Instant) {
        if now >= self.next_retry && self.claims.unacknowledged_count() > 0 {
            self.claims.retry_due(now.into_std());
            self.next_retry = now + RETRY_TICK;
        }
        if self.is_welcomed() {
            self.offers.retry_due(now);
        }
        self.pulls.give_back(&mut self.offers, now);
        if self.is_welcomed() && now >= self.next_heartbeat {
            self.outbound.heartbeats(self.claims.running());
            self.next_heartbeat = now + self.heartbeat;
        }
        if self.welcome_by.is_some_and(|by| now >= by) {
            self.on_closed(Some("no welcome in time".to_owned()));
        }
        if now >= self.next_sweep {
            self.queues.handlers().for_each(crate::handlers::Handler::sweep);
            self.next_sweep = now + SWEEP;
        }
    }

    // ---- The connection ----

    fn is_welcomed(&self) -> bool {
        self.link.is_up() && self.welcome_by.is_none()
    }

    fn on_link(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::TimeToConnect => self.link = Link::connect(&self.config.endpoints[self.endpoint]),
            LinkEvent::Connected(channel) => {
                self.queues.set_all_pulled(self.pulls.is_link_up());
                let hello = outbound::hello(&self.config, self.queues.hello(self.is_draining()), self.claims.held());
                let (link, sender) = Link::open(channel, hello, &self.config.credentials);
                self.link = link;
                self.outbound.begin(sender);
            }
            LinkEvent::Opened(stream) => {
                self.link = Link::Up(stream);
                self.welcome_by = Some(Instant::now() + WELCOME_MAX);
            }
            LinkEvent::Message(message) => self.on_message(message),
            LinkEvent::Closed(reason) => self.on_closed(reason),
            LinkEvent::Refused(reason) => {
                self.on_closed(Some(reason.to_string()));
                self.refusal = Some(reason);
            }
        }
    }

    fn on_closed(&mut self, reason: Option<String>) {
        let is_farewell = self.outbound.bye_said().is_some();
        self.end_session();
        let reason = reason.unwrap_or_else(|| "the coordinator has ended the session".to_owned());
        let uri = self.config.endpoints[self.endpoint].uri();
        // Said once for each reason, since the attempts go on for ever; an end after `Bye` is as it should be.
        if !is_farewell && self.last_failure.as_ref() != Some(&reason) {
            tracing::warn!(coordinator = %uri, reason, "no session; trying again until there is one");
            self.last_failure = Some(reason);
        }
        let random = getrandom::u64().unwrap_or(0);
        let pause = self.backoff.next(random);
        self.reconnect_at(Instant::now() + pause);
    }

    /// Nothing can be claimed or reported until there is another.
    fn end_session(&mut self) {
        self.outbound.end();
        self.welcome_by = None;
        self.broker_queues.clear();
        self.pulls.end();
    }

    fn reconnect_at(&mut self, until: Instant) {
        self.endpoint = (self.endpoint + 1) % self.config.endpoints.len();
        self.link = Link::Down { until };
    }

    fn on_message(&mut self, message: CoordinatorMessage) {
        match message.message {
            Some(FromCoordinator::Welcome(welcome)) => self.on_welcome(&welcome),
            Some(FromCoordinator::Grants(grants)) => grants.grants.into_iter().for_each(|granted| self.on_granted(granted)),
            Some(FromCoordinator::Acks(acks)) => {
                let now = Instant::now().into_std();
                for ack in acks.acks {
                    self.claims.acknowledge(ack.report_id, ack.code(), now);
                }
            }
            Some(FromCoordinator::Offer(offer)) => self.on_offer(offer),
            Some(FromCoordinator::Denied(denied)) => self.on_denied(&denied),
            Some(FromCoordinator::Cancel(cancel)) => self.give_up(&cancel.token, cancel.claim_id),
            Some(FromCoordinator::Drain(_)) => self.on_peer_drain(),
            // A message of a newer coordinator; what it means cannot be guessed.
            None => {}
        }
    }

    fn on_welcome(&mut self, welcome: &Welcome) {
        self.welcome_by = None;
        self.backoff.reset();
        self.last_failure = None;
        self.refusal = None;
        if welcome.heartbeat_interval_ms > 0 {
            // A little sooner than asked for, so that a message on its way is not overdue.
            self.heartbeat = Duration::from_millis(u64::from(welcome.heartbeat_interval_ms) * 3 / 4).max(Duration::from_millis(10));
        }
        self.next_heartbeat = Instant::now() + self.heartbeat;
        for lost in &welcome.lost {
            self.give_up(&lost.token, lost.claim_id);
        }
        self.claims.session_begins();
        self.offers.session_begins();
        self.broker_queues = self.queues.served().into_iter().zip(welcome.broker_queues.iter().cloned()).collect();
        self.begin_pulling();
        tracing::info!(coordinator = %self.config.endpoints[self.endpoint].uri(), worker = self.config.name, "session open");
    }

    /// With another coordinator to go to, the session moves there with all its claims. Otherwise this one is used until it ends.
    fn on_peer_drain(&mut self) {
        if self.config.endpoints.len() > 1 {
            self.end_session();
            self.reconnect_at(Instant::now());
        }
    }

    // ---- The broker ----

    /// Pulls from the broker whatever is served, if there is a connection to it; otherwise the coordinator is told of the free slots.
    fn begin_pulling(&mut self) {
        self.pulls.end();
        self.queues.set_all_pulled(false);
        if !self.pulls.is_link_up() || self.is_draining() {
            return;
        }
        for (queue, name) in &self.broker_queues {
            self.queues.set_pulled(*queue, true);
            self.pulls.begin(*queue, name.clone());
        }
    }

    fn on_pull(&mut self, news: PullNews) {
        match news {
            PullNews::Link(BrokerLink { is_up, .. }) => {
                tracing::info!(is_up, "the connection to the broker has changed");
                self.begin_pulling();
            }
            PullNews::Told(told) => {
                if let Some((queue, is_pulled)) = self.pulls.on_told(told) {
                    self.queues.set_pulled(queue, is_pulled);
                }
            }
        }
    }

    fn on_log_line(&mut self, line: LogLine) {
        self.outbound.log_line(line);
    }

    // ---- The owner ----

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Serve(services) => {
                if self.queues.replace(services) && self.link.has_said_hello() {
                    // Only a hello can name queues; claims and outcomes go over to the new session.
                    self.end_session();
                    self.link = Link::Down { until: Instant::now() };
                }
            }
            Command::Reload(names) => names
                .iter()
                .filter_map(|name| self.queues.index_of(name))
                .filter_map(|index| self.queues.handler(index))
                .for_each(crate::handlers::Handler::reload),
            Command::Drain(reply) => {
                self.draining.push(reply);
                self.pulls.end();
            }
        }
    }

    fn is_draining(&self) -> bool {
        !self.draining.is_empty()
    }

    fn holds_nothing(&self) -> bool {
        self.claims.is_empty() && self.offers.is_empty()
    }

    /// Drained: nothing is held, and the coordinator knows or cannot be told.
    fn is_done(&self) -> bool {
        if !self.is_draining() || !self.holds_nothing() {
            return false;
        }
        match self.outbound.bye_said() {
            Some(said) => said.elapsed() >= BYE_GRACE,
            None => !self.link.is_up(),
        }
    }

    fn publish(&mut self) {
        let status = WorkerStatus {
            connected: self.is_welcomed(),
            running: self.claims.running_count(),
            unacknowledged: self.claims.unacknowledged_count(),
            refusal: self.refusal.clone(),
        };
        self.status.send_if_modified(|shown| {
            let is_other = *shown != status;
            *shown = status;
            is_other
        });
    }

    // ---- Sending ----

    fn flush(&mut self) {
        let dropped = self.logs.take_dropped();
        if dropped > 0 {
            tracing::warn!(dropped, "log lines dropped: handlers write more than the coordinator takes");
        }
        if !self.is_welcomed() {
            return;
        }
        let draining = self.is_draining();
        let may_say_bye = draining && self.holds_nothing();
        let Self { outbound, claims, queues, offers, .. } = self;
        outbound.flush(claims, queues, offers, draining, may_say_bye);
    }
}

/// Lines that wait, the oldest of which make room for the newest.
fn push_bounded(lines: &mut VecDeque<LogLine>, line: LogLine) {
    if lines.len() >= LINES_MAX {
        lines.pop_front();
    }
    lines.push_back(line);
}
