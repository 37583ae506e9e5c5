//! Names of Map Runs and of their children. All follow from the ARN of the execution whose state began the run, so that nothing is looked up:
//! a run lives in the shard of its execution, and a child wherever its own name leads.

use baton_asl::StateId;
use baton_engine::Start;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::shard::ExecutionId;

/// ARN of the Map Run that a state begins in the event `event` of the execution that began with `start`. The first digits of its last part are
/// those of the execution's id: they hold the shard.
pub fn map_run_arn(start: &Start, label: Option<&str>, state: StateId, event: u64) -> String {
    let prefix = owner_of(&start.execution_arn);
    let machine = machine_of(&start.state_machine_name);
    let label = label.map_or_else(|| made_up_label(start.revision, state), str::to_owned);
    let execution = ExecutionId::of_arn(&start.execution_arn).0;
    let nonce = xxh3_128(format!("{}\n{event}\n{}", start.execution_arn, start.seed).as_bytes());
    format!("{prefix}:mapRun:{machine}/{label}:{}", uuid(execution >> 96 << 96 | nonce >> 32))
}

/// The label of a Map state that is given none: always the same for the same state of the same revision.
fn made_up_label(revision: u128, state: StateId) -> String {
    uuid(xxh3_128(format!("{revision:032x}\n{}", state.0).as_bytes()))
}

/// The id of a Map Run: in the shard of its execution. `None` if this is no Map Run's ARN.
pub(crate) fn map_run_id(map_run_arn: &str) -> Option<ExecutionId> {
    let last = map_run_arn.rsplit(':').next()?;
    let top = u32::from_str_radix(last.get(..8)?, 16).ok()?;
    Some(ExecutionId(u128::from(top) << 96 | xxh3_128(map_run_arn.as_bytes()) >> 32 | 1))
}

/// `<machine>/<label>` of a Map Run.
pub(crate) fn labelled_machine(map_run_arn: &str) -> &str {
    map_run_arn.rsplit(':').nth(1).unwrap_or_default()
}

/// ARN of the labelled state machine that a Map Run's children run.
pub(crate) fn labelled_machine_arn(map_run_arn: &str) -> String {
    format!("{}:stateMachine:{}", owner_of(map_run_arn), labelled_machine(map_run_arn))
}

/// A child's ARN and its name. An Express child that is redriven is another execution than before.
pub(crate) fn child_arn(map_run_arn: &str, index: u64, is_express: bool, redrive: u32) -> (String, String) {
    let generation = if is_express { redrive } else { 0 };
    let name = uuid(xxh3_128(format!("{map_run_arn}\n{index}\n{generation}").as_bytes()));
    let (owner, machine) = (owner_of(map_run_arn), labelled_machine(map_run_arn));
    let arn = if is_express {
        let id = uuid(xxh3_128(name.as_bytes()));
        format!("{owner}:express:{machine}:{name}:{id}")
    } else {
        format!("{owner}:execution:{machine}:{name}")
    };
    (arn, name)
}

/// The seed of a child: whoever starts the same child again brings the same.
pub(crate) fn child_seed(map_run_arn: &str, index: u64) -> u64 {
    xxh3_64(format!("{map_run_arn}\n{index}").as_bytes())
}

/// Under what the Map Runs of an execution are listed.
pub(crate) fn runs_of(execution_arn: &str) -> String {
    format!("{execution_arn}\nmap runs")
}

/// `arn:<partition>:states:<region>:<account>`.
fn owner_of(arn: &str) -> &str {
    let end = arn.match_indices(':').nth(4).map_or(arn.len(), |(place, _)| place);
    &arn[..end]
}

/// A child's own Map states belong to the machine, not to its label.
fn machine_of(name: &str) -> &str {
    name.split('/').next().unwrap_or(name)
}

fn uuid(bits: u128) -> String {
    uuid::Builder::from_custom_bytes(bits.to_be_bytes()).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use baton_engine::Payload;

    use super::*;

    fn start(execution_arn: &str) -> Start {
        Start {
            execution_arn: execution_arn.into(),
            state_machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:m".into(),
            state_machine_name: "m".into(),
            name: "e".into(),
            revision: 7,
            version_arn: None,
            alias_arn: None,
            role_arn: "role".into(),
            input: Payload::from_text("{}".to_owned()),
            trace_header: None,
            seed: 3,
            at: 0,
            deadline: None,
            test_case: None,
            map_child: None,
        }
    }

    #[test]
    fn a_run_lives_in_the_shard_of_its_execution_and_children_everywhere() {
        for n in 0..200 {
            let execution_arn = format!("arn:aws:states:us-east-1:123456789012:execution:m:{n}");
            let arn = map_run_arn(&start(&execution_arn), Some("L"), StateId(1), 4);
            assert!(arn.starts_with("arn:aws:states:us-east-1:123456789012:mapRun:m/L:"), "{arn}");
            let (run, execution) = (map_run_id(&arn).expect("it is one"), ExecutionId::of_arn(&execution_arn));
            assert_eq!(run.shard(15), execution.shard(15));
            assert_ne!(run, map_run_id(&map_run_arn(&start(&execution_arn), Some("L"), StateId(1), 5)).expect("it is one"));
        }
        let arn = map_run_arn(&start("arn:aws:states:us-east-1:123456789012:execution:m:e"), None, StateId(1), 4);
        let shards: std::collections::BTreeSet<u16> =
            (0..1_000).map(|index| ExecutionId::of_arn(&child_arn(&arn, index, false, 0).0).shard(8)).collect();
        assert!(shards.len() > 200, "a thousand children are in {} of 256 shards", shards.len());
    }

    #[test]
    fn an_express_child_that_is_redriven_is_another_execution() {
        let arn = "arn:aws:states:us-east-1:123456789012:mapRun:m/L:0123";
        assert_eq!(child_arn(arn, 3, false, 0), child_arn(arn, 3, false, 1));
        assert_ne!(child_arn(arn, 3, true, 0), child_arn(arn, 3, true, 1));
        assert!(child_arn(arn, 3, true, 0).0.starts_with("arn:aws:states:us-east-1:123456789012:express:m/L:"));
        assert_eq!(labelled_machine_arn(arn), "arn:aws:states:us-east-1:123456789012:stateMachine:m/L");
        assert_eq!(map_run_id("arn:aws:states:us-east-1:123456789012:mapRun:m/L:xyz"), None);
    }
}
