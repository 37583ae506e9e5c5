use super::rules::{Fence, Promotion};
use super::state::{LOST, ShardFence, TWICE, TWO_SERVE, ZOMBIE};
use super::{Rules, Scope};
use crate::exploration::{breaks, holds};

const LONGEST: Rules = Rules { wait: 1, promotion: Promotion::Longest, ..Rules::REPLICATED };

fn failover(rules: Rules) -> ShardFence {
    ShardFence { rules, scope: Scope::FAILOVER }
}

/// One store that does not fail: copies would only multiply the states.
fn ownership(rules: Rules) -> ShardFence {
    ShardFence { rules: Rules { copies: 0, wait: 0, ..rules }, scope: Scope::OWNERSHIP }
}

#[test]
fn a_store_that_flushes_each_write_loses_nothing_when_it_restarts() {
    let scope = Scope { splits: false, failovers: 2, ..Scope::FAILOVER };
    holds("fsync", ShardFence { rules: Rules::DESIGN, scope });
}

#[test]
fn replicas_that_all_have_a_write_lose_nothing_when_any_is_promoted() {
    holds("replicated", ShardFence { rules: Rules::REPLICATED, scope: Scope::SHORT_FAILOVER });
}

#[test]
fn one_replica_of_two_is_enough_when_the_longest_is_promoted() {
    holds("longest", ShardFence { rules: LONGEST, scope: Scope::SHORT_FAILOVER });
}

#[test]
#[ignore = "long: make models"]
fn replicas_with_three_takings_and_appends() {
    holds("replicated, longer", failover(Rules::REPLICATED));
    holds("longest, longer", failover(LONGEST));
}

#[test]
fn owners_checkpoints_and_hand_overs_do_not_get_in_each_others_way() {
    let ShardFence { rules, scope } = ownership(Rules::DESIGN);
    holds("ownership", ShardFence { rules, scope: Scope { appends: 2, checkpoints: 1, ..scope } });
}

#[test]
#[ignore = "long: make models"]
fn owners_checkpoints_and_hand_overs_with_three_appends() {
    holds("ownership, longer", ownership(Rules::DESIGN));
}

#[test]
fn broken_an_append_that_compares_nothing() {
    breaks("no fence", ownership(Rules { fence: Fence::Nothing, ..Rules::DESIGN }), ZOMBIE);
}

#[test]
fn broken_an_append_that_compares_the_number_alone() {
    breaks("seq alone", ownership(Rules { fence: Fence::Seq, ..Rules::DESIGN }), ZOMBIE);
}

#[test]
fn broken_an_append_that_compares_the_token_alone() {
    breaks("token alone", ownership(Rules { fence: Fence::Token, ..Rules::DESIGN }), TWICE);
}

#[test]
fn broken_an_acknowledgement_before_the_copies_have_it() {
    breaks("relaxed", failover(Rules { wait: 0, ..Rules::DESIGN }), LOST);
    breaks("no wait", failover(Rules { wait: 0, ..Rules::REPLICATED }), LOST);
}

#[test]
fn broken_one_replica_of_two_when_any_is_promoted() {
    breaks("wait 1 of 2, any promoted", failover(Rules { wait: 1, ..Rules::REPLICATED }), LOST);
}

#[test]
fn broken_an_owner_that_remembers_for_the_store() {
    breaks("tail again", failover(Rules { wait: 1, appends_tail_again: true, ..Rules::REPLICATED }), LOST);
}

#[test]
fn broken_a_repeat_that_is_recognised_by_its_number() {
    breaks("repeat by number", ownership(Rules { repeats_by_digest: false, repeats_unknown: false, ..Rules::DESIGN }), LOST);
}

#[test]
fn broken_tokens_that_come_again() {
    breaks("epochs alone", failover(Rules { tokens_are_unique: false, waits_for_acquire: false, wait: 0, ..Rules::REPLICATED }), ZOMBIE);
}

#[test]
fn broken_a_checkpoint_that_is_not_fenced() {
    breaks("checkpoint unfenced", ownership(Rules { checkpoints_are_fenced: false, ..Rules::DESIGN }), LOST);
}

#[test]
fn broken_a_release_that_is_not_fenced() {
    breaks("release unfenced", ownership(Rules { releases_are_fenced: false, ..Rules::DESIGN }), TWO_SERVE);
}

#[test]
fn broken_a_lease_that_counts_from_its_answer() {
    breaks("lease from answer", ownership(Rules { lease_counts_from_request: false, ..Rules::DESIGN }), TWO_SERVE);
}

#[test]
fn broken_an_owner_that_serves_before_its_taking_is_safe() {
    breaks("acquire not waited for", failover(Rules { waits_for_acquire: false, ..Rules::REPLICATED }), TWO_SERVE);
}
