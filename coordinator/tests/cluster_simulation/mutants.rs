//! Rules that can be switched off, one at a time. The simulation must find each of them. Two rules whose absence needs a rarer coincidence than some hundred
//! seeds bring (that a claim does not prove itself, and that stale answers do not count) have their variants in `shared/models`.

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// The store takes batches under any token.
    AppendUnfenced,
    /// And in any order.
    AppendIgnoresSeq,
    /// The store takes checkpoints under any token.
    CheckpointUnfenced,
    /// A checkpoint that was held up on its way puts back what a later one has written.
    OldCheckpointsCount,
    /// Owners answer without looking at their leases.
    ReadsWithoutLease,
    /// What a batch has caused leaves at once.
    AcknowledgesEarly,
    /// The store's silence is taken for success.
    AssumesWritten,
    /// A new owner reads the log only from some way behind the checkpoint.
    ReplaysTooLittle,
    /// An owner keeps its tasks in memory alone: a new one does not offer them.
    ForgetsTasks,
    /// The worker runs what it has claimed before it hears that it was granted.
    RunsBeforeGrant,
    /// The worker claims each offer under its own name.
    ClaimIdIsWorker,
    /// A worker reports once.
    ReportsOnce,
    /// A lost offer is never made again.
    NeverOffersAgain,
    /// A worker's loss is noticed when its session ends, by whoever is the owner then.
    EdgeTriggeredLoss,
    /// A claim that stands is given to whoever asks next.
    RegrantsHeldClaims,
    /// A client's token is not passed on: each try of a redrive is another one.
    RedrivesEachTry,
    /// A token is given to one owner after the other.
    TokensComeAgain,
    /// A checkpoint lets go of all of the log, not only of what it has written.
    MarksTooMuch,
    /// A new owner does not ask for what is due later.
    ForgetsTimers,
    /// A new owner does not look after the claims that it finds.
    ForgetsHolders,
    /// An owner whose append is refused goes on.
    StaysAfterFence,
    /// The attempt of a worker that is lost is given to another one, as the same attempt.
    RegrantsOfTheLost,
    /// A report is acknowledged when it comes.
    AcknowledgesReportsEarly,
    /// A worker runs whatever it is granted.
    RunsUnaskedGrants,
    /// A worker runs what it was denied.
    RunsWhatIsDenied,
    /// A new owner does not tell the ends of children again.
    ForgetsEnds,
    /// The end of a child counts as told as soon as it is on its way.
    TakesEndsForHeard,
    /// Children count as started as soon as they are ordered.
    TakesOrdersForDone,
}

impl Mutant {
    pub(crate) const ALL: [Mutant; 28] = [
        Mutant::AppendUnfenced,
        Mutant::AppendIgnoresSeq,
        Mutant::CheckpointUnfenced,
        Mutant::OldCheckpointsCount,
        Mutant::ReadsWithoutLease,
        Mutant::AcknowledgesEarly,
        Mutant::AssumesWritten,
        Mutant::ReplaysTooLittle,
        Mutant::ForgetsTasks,
        Mutant::RunsBeforeGrant,
        Mutant::ClaimIdIsWorker,
        Mutant::ReportsOnce,
        Mutant::NeverOffersAgain,
        Mutant::EdgeTriggeredLoss,
        Mutant::RegrantsHeldClaims,
        Mutant::RedrivesEachTry,
        Mutant::TokensComeAgain,
        Mutant::MarksTooMuch,
        Mutant::ForgetsTimers,
        Mutant::ForgetsHolders,
        Mutant::StaysAfterFence,
        Mutant::RegrantsOfTheLost,
        Mutant::AcknowledgesReportsEarly,
        Mutant::RunsUnaskedGrants,
        Mutant::RunsWhatIsDenied,
        Mutant::ForgetsEnds,
        Mutant::TakesEndsForHeard,
        Mutant::TakesOrdersForDone,
    ];
}
