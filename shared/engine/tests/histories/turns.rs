//! A decision ends when its turn is over, whatever its batch would still take.

use std::cell::Cell;

use baton_asl::MachineType;
use baton_engine::{Decision, Effect, Env, Execution, Input, Limits, Payload, Services, Start, Status, TaskRef, Verdict};

/// The turn is over after so many questions.
struct Impatient {
    left: Cell<u32>,
    turn: u32,
}

impl Services for Impatient {
    fn task_token(&self, _: &Start, _: TaskRef) -> String {
        String::new()
    }

    fn is_turn_over(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left == 0
    }
}

/// How many decisions ten Pass states take when each may take `turn` of them.
fn decisions(turn: u32) -> usize {
    let states: Vec<String> = (0..10)
        .map(|number| match number {
            9 => r#""S9": {"Type": "Pass", "End": true}"#.to_owned(),
            _ => format!(r#""S{number}": {{"Type": "Pass", "Next": "S{}"}}"#, number + 1),
        })
        .collect();
    let definition = format!(r#"{{"StartAt": "S0", "States": {{{}}}}}"#, states.join(","));
    let machine = baton_asl::parse(&definition, MachineType::Standard).expect("the definition is valid");
    let (limits, services) = (Limits::default(), Impatient { left: Cell::new(turn), turn });
    let env = Env { machine: &machine, limits: &limits, services: &services };
    let mut out = Decision::default();
    let mut execution = Execution::start(&env, start(), &mut out);
    let mut decisions = 1;
    while execution.status() == Status::Running {
        assert!(matches!(out.effects[..], [Effect::Yield]), "it has only yielded: {:?}", out.effects);
        assert!(execution.wants_continue());
        out.effects.clear();
        services.left.set(services.turn);
        assert_eq!(execution.decide(&env, Input::Continue, 1, &mut out), Ok(Verdict::Applied));
        decisions += 1;
    }
    assert_eq!(execution.status(), Status::Succeeded);
    let mut replayed = Execution::recover(&machine, &out.events[0]);
    out.events[1..].iter().for_each(|event| replayed.apply(&machine, event));
    assert_eq!(replayed, execution, "turns leave no trace in the history");
    decisions
}

fn start() -> Start {
    Start {
        execution_arn: "arn:aws:states:us-east-1:123456789012:execution:m:e".into(),
        state_machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:m".into(),
        state_machine_name: "m".into(),
        name: "e".into(),
        revision: 0,
        version_arn: None,
        alias_arn: None,
        role_arn: "arn:aws:iam::123456789012:role/r".into(),
        input: Payload::from_text("{}".to_owned()),
        trace_header: None,
        seed: 1,
        at: 1,
        deadline: None,
        test_case: None,
        map_child: None,
    }
}

#[test]
fn a_decision_ends_with_its_turn() {
    assert_eq!(decisions(u32::MAX), 1);
    assert_eq!(decisions(5), 2);
    assert_eq!(decisions(2), 5);
}

#[test]
fn even_a_turn_that_is_over_before_it_begins_gets_on() {
    assert_eq!(decisions(0), 10);
}
