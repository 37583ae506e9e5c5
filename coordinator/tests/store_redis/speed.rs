//! What a batch costs beside what the server does for it, as a ratio: `cargo test --release -p baton-coordinator --test store_redis speed -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use baton_coordinator::store::redis::{Durability, RedisOptions, RedisStore};
use baton_coordinator::store::{Append, DurableSender, ShardId, ShardStore};

use crate::run;
use crate::store_support::batch;
use crate::store_support::redis_server::RedisServer;

const SHARDS: u16 = 256;
const APPENDS: u64 = 100_000;
const BATCH_BYTES: usize = 2000;

/// Batches under way of each shard.
const IN_FLIGHT: u64 = 3;
/// Commands of a pipeline without any store.
const PIPELINE_LEN: u64 = 512;

#[test]
#[ignore = "prints figures"]
fn appends_against_plain_commands_of_the_same_server() {
    run(async {
        for fsync in ["always", "everysec"] {
            let server = RedisServer::start_on_disk(&["--appendfsync", fsync]);
            let plain = plain(&server).await;
            let durability = if fsync == "always" { Durability::Fsync } else { Durability::Relaxed };
            let appends =
                appends(RedisOptions { shard_count: Some(SHARDS), durability, lease: Duration::from_secs(20), ..server.options() }).await;
            println!("appendfsync {fsync}: {appends:.0} appends/s, {plain:.0} plain XADD/s, ratio {:.2}", appends / plain);
        }
    });
}

/// Batches a second, written by nothing but pipelines.
async fn plain(server: &RedisServer) -> f64 {
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    connection.set_response_timeout(Duration::from_secs(60));
    let bytes = batch(ShardId(0), 1, BATCH_BYTES);
    let since = Instant::now();
    let pipelines = (0..APPENDS / PIPELINE_LEN).map(|number| {
        let mut pipeline = redis::pipe();
        for append in 0..PIPELINE_LEN {
            pipeline.cmd("XADD").arg(format!("plain:{}", append % u64::from(SHARDS))).arg("*").arg("b").arg(&bytes[..]);
        }
        let mut connection = connection.clone();
        let _ = number;
        async move { connection.send_packed_commands(&pipeline, 0, PIPELINE_LEN as usize).await.unwrap() }
    });
    use futures_util::StreamExt;
    futures_util::stream::iter(pipelines)
        .buffered(4)
        .for_each(|answers| async move { assert_eq!(answers.len() as u64, PIPELINE_LEN) })
        .await;
    (APPENDS / PIPELINE_LEN * PIPELINE_LEN) as f64 / since.elapsed().as_secs_f64()
}

/// Batches a second, by way of the store.
async fn appends(options: RedisOptions) -> f64 {
    let store = RedisStore::connect(options).await.unwrap();
    let (done, mut ends) = DurableSender::channel();
    let mut next = Vec::new();
    for shard in (0..SHARDS).map(ShardId) {
        next.push((store.acquire(shard).await.unwrap().token, 0));
    }
    let bytes = batch(ShardId(0), 1, BATCH_BYTES);
    let mut append = |shard: u16| {
        let (token, seq) = &mut next[usize::from(shard)];
        store.append(Append { shard: ShardId(shard), token: *token, expected_seq: *seq, batch: bytes.clone(), done: done.clone() });
        *seq += 1;
    };
    let since = Instant::now();
    for _ in 0..IN_FLIGHT {
        (0..SHARDS).for_each(&mut append);
    }
    let mut sent = u64::from(SHARDS) * IN_FLIGHT;
    for _ in 0..APPENDS {
        let end = ends.recv().await.unwrap();
        assert_eq!(end.result, Ok(()));
        if sent < APPENDS {
            append(end.shard.0);
            sent += 1;
        }
    }
    APPENDS as f64 / since.elapsed().as_secs_f64()
}
