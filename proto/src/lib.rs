//! What baton's processes say to each other. Nothing but generated code; the contracts are the `.proto` files beside it.
#![allow(missing_docs, unreachable_pub, clippy::all)]

/// The worker session: how task activations reach workers and how outcomes come back.
pub mod worker {
    /// First version of the contract, `baton/worker/v1/worker.proto`.
    pub mod v1 {
        tonic::include_proto!("baton.worker.v1");
    }
}
