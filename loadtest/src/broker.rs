//! What the broker does by itself: offers published with confirmation, consumed and acknowledged, without anything of a workflow around them.
//! Speeds of the cluster are to be read against it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use baton_local_services::RabbitMq;
use baton_task_queue::{Consumer, Offer, QueueType, RabbitMqQueue, RabbitMqSettings, TaskQueue, inspect};
use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::cli::BrokerArgs;
use crate::report::Latency;
use crate::server_process::{Usage, listener_on};

/// Offers in a message: one as at low load, and as many as fit.
const OFFERS_PER_MESSAGE: [usize; 2] = [1, baton_task_queue::OFFERS_PER_MESSAGE_MAX];
const CONNECT_PATIENCE: Duration = Duration::from_secs(15);
/// After the last publication; a queue that is not empty by then has stopped.
const DRAIN_PATIENCE: Duration = Duration::from_secs(60);
const PREFETCH: u16 = 1024;

/// What `--json` writes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    broker: String,
    queue_type: &'static str,
    queues: u32,
    in_flight: u32,
    token_bytes: usize,
    rounds: Vec<Round>,
}

/// With messages of one size.
#[derive(Clone, Debug, Serialize)]
struct Round {
    offers_per_message: usize,
    /// First publication to last acknowledgement.
    seconds: f64,
    messages: u64,
    messages_per_second: f64,
    offers_per_second: f64,
    /// Until the broker confirmed.
    publish_latency: Option<Latency>,
    /// Messages that came once more than they were published, or that did not come.
    repeated: u64,
    missing: u64,
    /// User and system time; `None` where the broker is not local.
    broker_cpu_us_per_message: Option<f64>,
    generator_cpu_us_per_message: Option<f64>,
}

pub(crate) async fn run(args: &BrokerArgs) -> anyhow::Result<Report> {
    // Ends with this function.
    let own = match &args.url {
        Some(_) => None,
        None => Some(RabbitMq::start()?),
    };
    let url = args.url.clone().or_else(|| own.as_ref().map(RabbitMq::url)).expect("one of the two");
    let mut settings = RabbitMqSettings::new(&url, format!("loadtest-{}", std::process::id()))?;
    settings.queue_type = Some(if args.quorum { QueueType::Quorum } else { QueueType::Classic });
    let facts = inspect(&settings).await.map_err(anyhow::Error::msg)?;
    let port = url.rsplit(':').next().and_then(|rest| rest.split('/').next()).and_then(|port| port.parse().ok());
    let pid = port.and_then(listener_on);
    let queue = Arc::new(RabbitMqQueue::start(settings));
    timeout(CONNECT_PATIENCE, queue.link().wait_for(|link| link.is_up)).await.context("no connection to the broker")??;
    let mut rounds = Vec::new();
    for offers in OFFERS_PER_MESSAGE {
        rounds.push(round(&queue, args, offers, pid).await?);
    }
    Ok(Report {
        broker: facts.to_string(),
        queue_type: if args.quorum { QueueType::Quorum } else { QueueType::Classic }.name(),
        queues: args.queues,
        in_flight: args.in_flight,
        token_bytes: args.token_bytes,
        rounds,
    })
}

async fn round(queue: &Arc<RabbitMqQueue>, args: &BrokerArgs, offers: usize, pid: Option<u32>) -> anyhow::Result<Round> {
    let names: Vec<Arc<str>> = (0..args.queues).map(|number| format!("loadtest:{offers}:{number}").into()).collect();
    let (published, consumed, repeated) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut consumers = JoinSet::new();
    for name in &names {
        let consumer = queue.consume(name, PREFETCH).await?;
        consumers.spawn(consume(consumer, consumed.clone(), repeated.clone()));
    }
    let (broker_before, generator_before) = (pid.and_then(Usage::of), Usage::of(std::process::id()));
    let started = Instant::now();
    let stopping = Arc::new(AtomicBool::new(false));
    let mut lanes = JoinSet::new();
    for lane in 0..args.in_flight {
        let name = names[lane as usize % names.len()].clone();
        let message = message(lane, offers, args.token_bytes);
        lanes.spawn(publish(queue.clone(), name, message, stopping.clone(), published.clone()));
    }
    sleep(Duration::from_secs(args.seconds)).await;
    stopping.store(true, Ordering::Relaxed);
    let mut latencies = Histogram::new(3).expect("three digits are possible");
    while let Some(lane) = lanes.join_next().await {
        latencies.add(lane.expect("a lane does not panic")?).expect("histograms of one kind");
    }
    let messages = published.load(Ordering::Relaxed);
    let drained = wait_for(&consumed, messages).await;
    let seconds = started.elapsed().as_secs_f64();
    if !drained {
        eprintln!("{} of {messages} messages have not come", messages - consumed.load(Ordering::Relaxed));
    }
    let cpu = |pid: Option<u32>, before: Option<Usage>| Some((Usage::of(pid?)?.cpu_seconds - before?.cpu_seconds) * 1e6 / messages as f64);
    Ok(Round {
        offers_per_message: offers,
        seconds,
        messages,
        messages_per_second: messages as f64 / seconds,
        offers_per_second: (messages * offers as u64) as f64 / seconds,
        publish_latency: Latency::of(&latencies),
        repeated: repeated.load(Ordering::Relaxed),
        missing: messages.saturating_sub(consumed.load(Ordering::Relaxed)),
        broker_cpu_us_per_message: cpu(pid, broker_before),
        generator_cpu_us_per_message: cpu(Some(std::process::id()), generator_before),
    })
}

fn message(lane: u32, offers: usize, token_bytes: usize) -> Vec<Offer> {
    let offer = |number: usize| {
        let mut token = vec![0; token_bytes.max(8)];
        token[..4].copy_from_slice(&lane.to_be_bytes());
        token[4..8].copy_from_slice(&(number as u32).to_be_bytes());
        Offer { token: token.into(), offer_no: 0, scheduled_ms: 1_700_000_000_000, traceparent: String::new() }
    };
    (0..offers).map(offer).collect()
}

/// One message in flight, again and again; how long each took to be confirmed, in microseconds.
async fn publish(
    queue: Arc<RabbitMqQueue>,
    name: Arc<str>,
    message: Vec<Offer>,
    stopping: Arc<AtomicBool>,
    published: Arc<AtomicU64>,
) -> anyhow::Result<Histogram<u64>> {
    let mut latencies = Histogram::new(3).expect("three digits are possible");
    while !stopping.load(Ordering::Relaxed) {
        let sent = Instant::now();
        queue.publish(&name, message.clone()).await?;
        latencies.record(sent.elapsed().as_micros() as u64).expect("a histogram that grows");
        published.fetch_add(1, Ordering::Relaxed);
    }
    Ok(latencies)
}

/// Until it is aborted.
async fn consume(mut consumer: Box<dyn Consumer>, consumed: Arc<AtomicU64>, repeated: Arc<AtomicU64>) {
    while let Some(delivery) = consumer.next().await {
        if delivery.is_redelivered {
            repeated.fetch_add(1, Ordering::Relaxed);
        } else {
            consumed.fetch_add(1, Ordering::Relaxed);
        }
        delivery.acknowledge();
    }
}

async fn wait_for(consumed: &AtomicU64, messages: u64) -> bool {
    let until = Instant::now() + DRAIN_PATIENCE;
    while consumed.load(Ordering::Relaxed) < messages {
        if Instant::now() > until {
            return false;
        }
        sleep(Duration::from_millis(1)).await;
    }
    true
}

impl Report {
    /// Whether every message came, once.
    pub(crate) fn is_sound(&self) -> bool {
        self.rounds.iter().all(|round| round.missing == 0 && round.repeated == 0 && round.messages > 0)
    }

    pub(crate) fn text(&self) -> String {
        let Self { broker, queue_type, queues, in_flight, token_bytes, rounds } = self;
        let mut lines =
            vec![format!("{broker}: {queues} {queue_type} queues, {in_flight} messages in flight, tokens of {token_bytes} bytes")];
        lines.extend(rounds.iter().map(Round::text));
        lines.join("\n")
    }
}

impl Round {
    fn text(&self) -> String {
        let latency = self.publish_latency.map_or_else(String::new, |latency| format!(", confirmed after {}", latency.text()));
        let cpu =
            |who: &str, figure: Option<f64>| figure.map_or_else(String::new, |us| format!(", {us:.0} µs of CPU a message in the {who}"));
        format!(
            "  {} offers a message: {:.0} messages/s, {:.0} offers/s ({} messages in {:.2} s{latency}); {} missing, {} repeated{}{}",
            self.offers_per_message,
            self.messages_per_second,
            self.offers_per_second,
            self.messages,
            self.seconds,
            self.missing,
            self.repeated,
            cpu("broker", self.broker_cpu_us_per_message),
            cpu("generator", self.generator_cpu_us_per_message),
        )
    }
}
