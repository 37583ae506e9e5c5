//! The rules that a variant keeps, and how far it is explored.

/// What an append compares before it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fence {
    Nothing,
    Seq,
    Token,
    TokenAndSeq,
}

/// Which copy becomes the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promotion {
    Any,
    /// The longest of all of them.
    Longest,
}

/// One variant of the protocol. [`Rules::DESIGN`] is what is built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) fence: Fence,
    /// Copies beside the primary. One is the disk of a lone store (`fsync`), or its only replica.
    pub(crate) copies: usize,
    /// How many of them must have a write before it is acknowledged.
    pub(crate) wait: usize,
    pub(crate) promotion: Promotion,
    /// A repeated append is recognised by the digest of its bytes and its token, not by its number alone.
    pub(crate) repeats_by_digest: bool,
    /// An owner serves only after its taking is as safe as its writes will be.
    pub(crate) waits_for_acquire: bool,
    /// An append whose answer stayed out is repeated. Otherwise it is taken for failed, and another one gets its place.
    pub(crate) repeats_unknown: bool,
    /// After a regression the owner writes again what it remembers.
    pub(crate) appends_tail_again: bool,
    /// A random part makes each token another one. Otherwise it counts from what the store has.
    pub(crate) tokens_are_unique: bool,
    pub(crate) checkpoints_are_fenced: bool,
    pub(crate) releases_are_fenced: bool,
    /// An owner counts its lease from when it asked, not from when it was answered: it stops before the store gives the shard away.
    pub(crate) lease_counts_from_request: bool,
}

impl Rules {
    /// A lone store that flushes each write (`fsync`).
    pub(crate) const DESIGN: Rules = Rules {
        fence: Fence::TokenAndSeq,
        copies: 1,
        wait: 1,
        promotion: Promotion::Any,
        repeats_by_digest: true,
        waits_for_acquire: true,
        repeats_unknown: true,
        appends_tail_again: false,
        tokens_are_unique: true,
        checkpoints_are_fenced: true,
        releases_are_fenced: true,
        lease_counts_from_request: true,
    };

    /// All copies that may be promoted have a write before it is acknowledged (`replicated`).
    pub(crate) const REPLICATED: Rules = Rules { copies: 2, wait: 2, ..Rules::DESIGN };
}

/// How often what happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    pub(crate) appends: u8,
    pub(crate) takes: u8,
    pub(crate) failovers: u8,
    pub(crate) crashes: u8,
    pub(crate) checkpoints: u8,
    pub(crate) releases: u8,
    /// Lost answers and repeats.
    pub(crate) unknown: u8,
    /// The deposed primary goes on for those who still talk to it.
    pub(crate) splits: bool,
}

impl Scope {
    /// [`FAILOVER`](Self::FAILOVER), as far as it can be visited to the end quickly when there are two copies.
    pub(crate) const SHORT_FAILOVER: Scope = Scope { appends: 2, takes: 2, ..Scope::FAILOVER };
    /// Failovers, with everything that meets them.
    pub(crate) const FAILOVER: Scope =
        Scope { appends: 3, takes: 3, failovers: 1, crashes: 1, checkpoints: 0, releases: 0, unknown: 1, splits: true };
    /// Hand-overs, checkpoints and leases at one primary.
    pub(crate) const OWNERSHIP: Scope =
        Scope { appends: 3, takes: 3, failovers: 0, crashes: 1, checkpoints: 2, releases: 1, unknown: 1, splits: false };
}
