//! What baton's processes say to each other: generated code, the contracts being the `.proto` files beside it, and what both sides must agree on.
#![allow(missing_docs, unreachable_pub, clippy::all)]

pub mod names;
pub mod trace;

/// Largest message of a session, either way. A batch of grants or outcomes holds many payloads of up to 256 KiB.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1_048_576;

/// The version of the worker session's contract that this release speaks.
pub const SESSION_PROTOCOL: u32 = 1;

/// The worker session: how task activations reach workers and how outcomes come back.
pub mod worker {
    /// First version of the contract, `baton/worker/v1/worker.proto`.
    pub mod v1 {
        tonic::include_proto!("baton.worker.v1");
    }
}

/// What the members of a cluster ask each other.
pub mod peer {
    /// First version of the contract, `baton/peer/v1/peer.proto`.
    pub mod v1 {
        tonic::include_proto!("baton.peer.v1");
    }
}

/// Offers: task activations as a message broker carries them.
pub mod offer {
    /// First version of the contract, `baton/offer/v1/offer.proto`.
    pub mod v1 {
        tonic::include_proto!("baton.offer.v1");
    }
}
