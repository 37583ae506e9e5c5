//! Rules that can be switched off, one at a time. The simulation must find each of them.

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// The store takes batches under any token.
    AppendUnfenced,
    /// And in any order.
    AppendIgnoresSeq,
    /// A batch that comes again is taken for another's.
    RepeatsRefused,
    /// The store takes checkpoints under any token.
    CheckpointUnfenced,
    /// A checkpoint that was held up on its way puts back what a later one has written.
    OldCheckpointsCount,
    /// Anybody can give up anybody's shard.
    ReleaseUnfenced,
    /// A shard is given away while its owner's lease stands.
    IgnoresLeases,
    /// Owners answer reads without looking at their leases.
    ReadsWithoutLease,
    /// What a batch has caused leaves at once.
    AcknowledgesEarly,
    /// The store's silence is taken for success.
    AssumesWritten,
    /// A shard is given up before it has settled, and what was under way is forgotten, acknowledged or not.
    ReleasesUnsettled,
    /// A new owner reads the log only from some way behind the checkpoint.
    ReplaysTooLittle,
    /// An owner keeps its tasks in memory alone: a new one does not offer them.
    ForgetsTasks,
    /// The worker runs what it has claimed before it hears that it was granted.
    RunsBeforeGrant,
    /// The worker claims each offer under its own name.
    ClaimIdIsWorker,
    /// A worker forgets its claim when the answer stays out.
    ForgetsClaims,
    /// A worker reports once.
    ReportsOnce,
    /// A lost offer is never made again.
    NeverOffersAgain,
    /// Offers are acknowledged when they come, and forgotten when their worker dies.
    AcknowledgesOffersEarly,
    /// A worker's loss is noticed when its session ends, by whoever is the owner then.
    EdgeTriggeredLoss,
    /// A claim that was heard of counts as held.
    ClaimsProveThemselves,
    /// "Nobody holds it" counts although the claim has come again since.
    BelievesStaleAnswers,
    /// A claim that stands is given to whoever asks next.
    RegrantsHeldClaims,
    /// A client's token is not passed on: each try of a redrive is another one.
    RedrivesEachTry,
    /// A start that is tried again is another start.
    StartsAnew,
}

impl Mutant {
    pub(crate) const ALL: [Mutant; 25] = [
        Mutant::AppendUnfenced,
        Mutant::AppendIgnoresSeq,
        Mutant::RepeatsRefused,
        Mutant::CheckpointUnfenced,
        Mutant::OldCheckpointsCount,
        Mutant::ReleaseUnfenced,
        Mutant::IgnoresLeases,
        Mutant::ReadsWithoutLease,
        Mutant::AcknowledgesEarly,
        Mutant::AssumesWritten,
        Mutant::ReleasesUnsettled,
        Mutant::ReplaysTooLittle,
        Mutant::ForgetsTasks,
        Mutant::RunsBeforeGrant,
        Mutant::ClaimIdIsWorker,
        Mutant::ForgetsClaims,
        Mutant::ReportsOnce,
        Mutant::NeverOffersAgain,
        Mutant::AcknowledgesOffersEarly,
        Mutant::EdgeTriggeredLoss,
        Mutant::ClaimsProveThemselves,
        Mutant::BelievesStaleAnswers,
        Mutant::RegrantsHeldClaims,
        Mutant::RedrivesEachTry,
        Mutant::StartsAnew,
    ];
}
