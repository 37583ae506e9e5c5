use super::state::{COMES_TO_AN_END, DURABLE_FIRST, OfferClaim, RUNS_ONCE};
use super::{Rules, Scope};
use crate::exploration::{breaks, holds};

fn native(rules: Rules) -> OfferClaim {
    OfferClaim { rules, scope: Scope::NATIVE }
}

fn gateway(rules: Rules) -> OfferClaim {
    OfferClaim { rules, scope: Scope::GATEWAY }
}

fn broker(rules: Rules) -> OfferClaim {
    OfferClaim { rules, scope: Scope::BROKER }
}

#[test]
fn workers_that_claim_for_themselves_run_each_attempt_once() {
    holds("workers", OfferClaim { rules: Rules::DESIGN, scope: Scope { attempts: 1, ..Scope::NATIVE } });
}

#[test]
fn a_worker_behind_a_gateway_runs_each_attempt_once() {
    holds("gateway", gateway(Rules::DESIGN));
}

#[test]
fn a_broker_that_loses_and_repeats_neither_loses_nor_repeats_a_task() {
    holds("broker", broker(Rules::DESIGN));
}

#[test]
#[ignore = "long: make models"]
fn workers_with_two_attempts() {
    holds("workers, two attempts", native(Rules::DESIGN));
}

#[test]
#[ignore = "long: make models"]
fn a_gateway_and_everything_that_can_go_wrong() {
    holds(
        "gateway, all faults",
        OfferClaim { rules: Rules::DESIGN, scope: Scope { worker_crashes: 1, broker_faults: 1, ..Scope::GATEWAY } },
    );
}

#[test]
fn broken_claim_ids_that_are_the_workers() {
    breaks("claim id = worker id", native(Rules { has_fresh_claim_ids: false, ..Rules::DESIGN }), RUNS_ONCE);
}

#[test]
fn broken_grants_before_the_commit() {
    breaks("grant before commit", native(Rules { grants_after_commit: false, ..Rules::DESIGN }), RUNS_ONCE);
    breaks("grant before commit", native(Rules { grants_after_commit: false, ..Rules::DESIGN }), DURABLE_FIRST);
}

#[test]
fn broken_a_claim_that_is_granted_once_only() {
    breaks("lost grant", native(Rules { grants_again: false, ..Rules::DESIGN }), COMES_TO_AN_END);
}

#[test]
fn broken_a_loss_that_is_heard_of_once() {
    breaks("edge-triggered loss", native(Rules { looks_for_loss: false, ..Rules::DESIGN }), COMES_TO_AN_END);
}

#[test]
fn broken_a_broker_that_is_trusted() {
    breaks("no re-offer", broker(Rules { offers_again: false, ..Rules::DESIGN }), COMES_TO_AN_END);
}

#[test]
fn broken_an_offer_that_is_dropped_in_silence() {
    breaks("no hand-back", broker(Rules { hands_back: false, offers_again: false, ..Rules::DESIGN }), COMES_TO_AN_END);
}

#[test]
fn broken_a_second_claim_that_is_granted() {
    breaks("no denial", broker(Rules { denies: false, ..Rules::DESIGN }), RUNS_ONCE);
}

#[test]
fn broken_a_gateway_whose_claims_nobody_takes_over() {
    breaks("no regrant", gateway(Rules { regrants: false, ..Rules::DESIGN }), COMES_TO_AN_END);
}

#[test]
fn broken_a_regrant_of_what_is_on_its_way() {
    breaks("claims under way unknown", gateway(Rules { knows_claims_under_way: false, ..Rules::DESIGN }), RUNS_ONCE);
}

#[test]
fn broken_an_answer_that_is_older_than_the_claim() {
    let rules = Rules { forgets_stale_answers: false, ..Rules::DESIGN };
    breaks("stale answer", OfferClaim { rules, scope: Scope { has_gateway: false, cuts: 1, attempts: 1, ..Scope::GATEWAY } }, RUNS_ONCE);
}

#[test]
fn broken_a_grant_over_a_session_that_was_replaced() {
    breaks("grant over an old session", gateway(Rules { grants_belong_to_sessions: false, ..Rules::DESIGN }), RUNS_ONCE);
}

#[test]
fn broken_an_outcome_that_is_acknowledged_too_early() {
    breaks("early acknowledgement", native(Rules { acknowledges_after_commit: false, ..Rules::DESIGN }), RUNS_ONCE);
}

#[test]
fn broken_a_claim_that_proves_itself() {
    breaks("claim proves itself", gateway(Rules { confirms_by_holder: false, ..Rules::DESIGN }), COMES_TO_AN_END);
}
