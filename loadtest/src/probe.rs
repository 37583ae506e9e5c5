//! What the disk and the network take by themselves, so that latencies can be read against the machine they were measured on.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use baton_proto::worker::v1::HeartbeatRequest;
use baton_proto::worker::v1::worker_client::WorkerClient;
use serde::Serialize;
use tonic::Code;
use tonic::transport::Endpoint;

/// What one log record with its frame may take.
const RECORD_LEN: usize = 2048;
const FLUSHES: usize = 500;
const ROUND_TRIPS: usize = 1000;

/// Medians in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Probes {
    /// A record written into a preallocated file and fdatasync.
    pub(crate) flush_p50_us: f64,
    /// An empty unary gRPC call to the server.
    pub(crate) grpc_round_trip_p50_us: f64,
}

/// `data_dir` must be on the server's disk; `url` is the server's.
pub(crate) async fn measure(data_dir: &Path, url: &str) -> anyhow::Result<Probes> {
    let directory = data_dir.to_owned();
    let flush = tokio::task::spawn_blocking(move || flush_p50_us(&directory)).await.expect("the probe does not panic");
    Ok(Probes {
        flush_p50_us: flush.with_context(|| format!("cannot time flushes in {}", data_dir.display()))?,
        grpc_round_trip_p50_us: grpc_round_trip_p50_us(url).await.context("cannot time gRPC calls")?,
    })
}

/// The file is written with zeros first: space that is only reserved costs a journal commit at its first use.
fn flush_p50_us(directory: &Path) -> std::io::Result<f64> {
    let file: File = tempfile::tempfile_in(directory)?;
    file.write_all_at(&vec![0; RECORD_LEN * FLUSHES], 0)?;
    file.sync_all()?;
    let record = [0x5a; RECORD_LEN];
    let mut micros = Vec::with_capacity(FLUSHES);
    for position in 0..FLUSHES {
        let begun = Instant::now();
        file.write_all_at(&record, (position * RECORD_LEN) as u64)?;
        file.sync_data()?;
        micros.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    Ok(median(micros))
}

async fn grpc_round_trip_p50_us(url: &str) -> anyhow::Result<f64> {
    let channel = Endpoint::from_shared(url.to_owned())?.tcp_nodelay(true).connect().await?;
    let mut client = WorkerClient::new(channel);
    let mut micros = Vec::with_capacity(ROUND_TRIPS);
    for _ in 0..ROUND_TRIPS {
        let begun = Instant::now();
        // A claim that nobody holds: whatever the server says of it, the call has gone there and back.
        if let Err(status) = client.heartbeat(HeartbeatRequest::default()).await
            && matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled)
        {
            return Err(status.into());
        }
        micros.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    Ok(median(micros))
}

fn median(mut micros: Vec<f64>) -> f64 {
    micros.sort_by(f64::total_cmp);
    micros[micros.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_takes_some_time() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert!(flush_p50_us(folder.path()).expect("a writable folder") > 0.0);
        assert!(flush_p50_us(&folder.path().join("absent")).is_err());
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(vec![9.0, 1.0, 5.0]), 5.0);
    }
}
