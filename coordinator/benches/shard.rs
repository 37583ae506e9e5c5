//! How many durable transitions the shards do, over the real store: executions of ten states without tasks, started from inside the
//! process, each answered when it is durable.
//!
//! `cargo bench -p baton-coordinator --bench shard`; `BENCH_DIR` chooses the disk, the system's folder for temporary files by default;
//! `IN_FLIGHT` the starts that are under way at once, `SECONDS` how long it runs, `MEMORY=1` leaves the disk out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use baton_asl::MachineType;
use baton_coordinator::cluster::{Activities, Cluster, ClusterConfig, ExecutionId, Functions, Revision, Revisions};
use baton_coordinator::store::ShardStore;
use baton_coordinator::store::local::{LocalOptions, LocalStore};
use baton_coordinator::store::memory::MemoryStore;
use baton_engine::{Payload, Start};
use futures_util::future::BoxFuture;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TRANSITIONS: u64 = 10;

struct Known(Arc<Revision>);

impl Revisions for Known {
    fn revision(&self, _: u128) -> Option<Arc<Revision>> {
        Some(self.0.clone())
    }
}

impl Functions for Known {
    fn knows(&self, _: &str) -> bool {
        false
    }

    fn register<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}

impl Activities for Known {
    fn exists(&self, _: &str) -> bool {
        false
    }
}

/// Five times a Pass that shapes data and a Choice that reads it.
fn definition() -> String {
    let states: Vec<String> = (0..5)
        .map(|number| {
            let choice = if number == 4 { "\"Default\":\"Z\"".to_owned() } else { format!("\"Default\":\"P{}\"", number + 1) };
            let pass = format!("\"P{number}\":{{\"Type\":\"Pass\",\"Parameters\":{{\"n.$\":\"$.n\",\"step\":{number}}},\"Next\":\"C{number}\"}}");
            format!("{pass},\"C{number}\":{{\"Type\":\"Choice\",\"Choices\":[{{\"Variable\":\"$.n\",\"NumericLessThan\":0,\"Next\":\"Z\"}}],{choice}}}")
        })
        .collect();
    format!("{{\"StartAt\":\"P0\",\"States\":{{{},\"Z\":{{\"Type\":\"Succeed\"}}}}}}", states.join(","))
}

fn start(number: u64) -> Start {
    let name = format!("execution-{number:016x}");
    Start {
        execution_arn: format!("arn:aws:states:us-east-1:123456789012:execution:ten-pass:{name}").into(),
        state_machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:ten-pass".into(),
        state_machine_name: "ten-pass".into(),
        name: name.into(),
        revision: 1,
        version_arn: None,
        alias_arn: None,
        role_arn: "arn:aws:iam::123456789012:role/bench".into(),
        input: Payload::from_validated(bytes::Bytes::from(format!("{{\"n\":{number}}}"))),
        trace_header: None,
        seed: 0,
        at: 0,
        deadline: None,
        test_case: None,
        map_child: None,
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn main() {
    let base = std::env::var_os("BENCH_DIR").map_or_else(std::env::temp_dir, Into::into);
    let folder = tempfile::tempdir_in(base).expect("a folder can be made");
    let store: Arc<dyn ShardStore> = if number("MEMORY", 0) == 1 {
        Arc::new(MemoryStore::new(256))
    } else {
        Arc::new(LocalStore::open(folder.path(), LocalOptions::default()).expect("a store opens"))
    };
    let text = definition();
    let machine = baton_asl::parse(&text, MachineType::Standard).unwrap_or_else(|diagnostics| panic!("{diagnostics:?}"));
    let known = Arc::new(Known(Arc::new(Revision {
        digest: 1,
        definition: text.into(),
        machine,
        role_arn: "r".into(),
        machine_type: MachineType::Standard,
        logging: None,
    })));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async move {
        let mut config = ClusterConfig::new(store, known.clone(), known.clone(), known);
        config.inbox_len_max = 1 << 20;
        let cluster = Cluster::open(config).await.expect("the system opens");
        run(&cluster, number("IN_FLIGHT", 2_000), Duration::from_secs(number("SECONDS", 10))).await;
        let id = ExecutionId::of_arn(&start(1).execution_arn);
        let record = cluster.describe(id).await.expect("read").expect("it exists");
        assert_eq!(record.status, baton_engine::Status::Succeeded);
        cluster.close().await;
    });
}

async fn run(cluster: &Cluster, in_flight: u64, time: Duration) {
    let (next, began) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let cpu = cpu_seconds();
    let clients: Vec<_> = (0..in_flight)
        .map(|_| {
            let (cluster, next) = (cluster.clone(), next.clone());
            tokio::spawn(async move {
                let mut done = 0;
                while began.elapsed() < time {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    cluster.start(start(number)).await.expect("started");
                    done += 1;
                }
                done
            })
        })
        .collect();
    let mut executions: u64 = 0;
    for client in clients {
        executions += client.await.expect("no panic");
    }
    let seconds = began.elapsed().as_secs_f64();
    let per_second = executions as f64 / seconds;
    let cpu = (cpu_seconds() - cpu) / executions as f64;
    println!("{per_second:.0} executions/s, {:.0} durable transitions/s, {:.1} µs of CPU each", per_second * TRANSITIONS as f64, cpu * 1e6);
}

/// CPU that this process has used, all threads.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}
