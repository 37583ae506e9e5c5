use super::state::{COUNTERS, MapAccounting, NEVER_STUCK, RUNS_ONCE, WINDOW};
use super::{Rules, Scope};
use crate::exploration::{breaks, holds};

fn plain(rules: Rules) -> MapAccounting {
    MapAccounting { rules, scope: Scope::PLAIN }
}

fn redriven(rules: Rules) -> MapAccounting {
    MapAccounting { rules, scope: Scope::REDRIVEN }
}

#[test]
fn every_child_is_counted_once() {
    holds("two of two children", MapAccounting { rules: Rules::DESIGN, scope: Scope { items: 2, ..Scope::PLAIN } });
}

#[test]
fn a_redrive_counts_what_runs_again() {
    holds("redriven", MapAccounting { rules: Rules::DESIGN, scope: Scope { child_crashes: 0, disturbances: 0, ..Scope::REDRIVEN } });
}

#[test]
#[ignore = "long: make models"]
fn a_redrive_while_both_shards_crash() {
    holds("redriven, both crash", redriven(Rules::DESIGN));
}

#[test]
#[ignore = "long: make models"]
fn every_child_of_three_is_counted_once() {
    holds("two of three children", plain(Rules::DESIGN));
}

#[test]
fn broken_a_parent_that_counts_repeats() {
    breaks("parent counts repeats", plain(Rules { parent_knows_repeats: false, ..Rules::DESIGN }), COUNTERS);
}

#[test]
fn broken_a_child_that_starts_again() {
    breaks("child starts again", plain(Rules { child_knows_repeats: false, ..Rules::DESIGN }), RUNS_ONCE);
}

#[test]
fn broken_messages_that_leave_before_the_commit() {
    breaks("sends before the commit", plain(Rules { sends_after_commit: false, ..Rules::DESIGN }), WINDOW);
}

#[test]
fn broken_confirmations_that_leave_before_the_commit() {
    breaks("confirms before the commit", plain(Rules { confirms_after_commit: false, ..Rules::DESIGN }), NEVER_STUCK);
}

#[test]
fn broken_a_redrive_whose_messages_do_not_say_so() {
    breaks("no generation", redriven(Rules { names_generation: false, ..Rules::DESIGN }), COUNTERS);
}

#[test]
fn broken_a_cursor_that_moves_before_the_commit() {
    breaks("cursor before the commit", plain(Rules { commits_cursor: false, ..Rules::DESIGN }), NEVER_STUCK);
}
