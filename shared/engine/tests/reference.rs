//! The engine against a naive interpreter of the language: random machines, inputs and worker scripts must give equal outputs and
//! histories. `CASES=n` runs more of them; a failure prints the machine, the input and the script's seed, shrunk.

#[path = "reference/driver.rs"]
mod driver;
#[path = "reference/generator.rs"]
mod generator;
#[path = "reference/interpreter.rs"]
mod interpreter;
#[path = "reference/redriven.rs"]
mod redriven;
#[path = "reference/script.rs"]
mod script;

use baton_asl::MachineType;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

#[test]
fn random_machines_end_and_tell_as_the_language_says() {
    of_random_machines(check);
}

#[test]
fn redriven_machines_do_nothing_twice_and_replay_to_the_same() {
    let (redrives, mended) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    of_random_machines(|definition, input, seed| {
        let (count, succeeded) = redriven::check(definition, input, seed);
        redrives.set(redrives.get() + count);
        mended.set(mended.get() + u32::from(count > 0 && succeeded));
    });
    println!("{} redrives, {} executions have succeeded after one", redrives.get(), mended.get());
    assert!(redrives.get() > 0 && mended.get() > 0);
}

fn of_random_machines(check: impl Fn(&Value, &Value, u64)) {
    let cases = std::env::var("CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(400);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let tried = runner.run(&(generator::machine_and_input(), any::<u64>()), |((definition, input), seed)| {
        check(&definition, &input, seed);
        Ok(())
    });
    if let Err(failure) = tried {
        panic!("{failure}");
    }
}

fn parsed(definition: &Value) -> baton_asl::StateMachine {
    match baton_asl::parse(&definition.to_string(), MachineType::Standard) {
        Ok(machine) => machine,
        Err(diagnostics) => panic!("a generated machine is refused: {diagnostics:?}\n{definition:#}"),
    }
}

fn check(definition: &Value, input: &Value, seed: u64) {
    let script = script::Script { seed };
    let machine = parsed(definition);
    let expected = interpreter::interpret(definition, input.clone(), &script);
    let run = driver::run(&machine, input, &script);
    assert_eq!(run.result, expected.result, "the outcome differs\n{definition:#}\ninput {input} seed {seed}");
    if expected.cut {
        return;
    }
    let mut ours = driver::seen(&machine, &run.events);
    let mut theirs = expected.events;
    if expected.concurrent {
        // Strands run side by side: their events interleave freely, ids with them.
        for events in [&mut ours, &mut theirs] {
            events.iter_mut().for_each(|event| event.previous = 0);
            events.sort_by_key(|event| format!("{event:?}"));
        }
    }
    for (index, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        assert_eq!(ours, theirs, "event {} differs\n{definition:#}\ninput {input} seed {seed}", index + 1);
    }
    assert_eq!(ours.len(), theirs.len(), "one history is longer\n{definition:#}\ninput {input} seed {seed}");
}
