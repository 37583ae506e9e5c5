//! A single state as a definition of its own.

use baton_asl::{LONE_STATE_NAME, MachineType, StateKind, Transition, parse_state};

#[test]
fn a_state_keeps_the_names_that_it_leads_to() {
    let definition = r#"{"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "Next": "B",
        "Catch": [{"ErrorEquals": ["X"], "Next": "C"}, {"ErrorEquals": ["Y"], "Next": "B"}]}"#;
    let machine = parse_state(definition, MachineType::Standard).expect("the state is valid");
    let state = machine.state_named(LONE_STATE_NAME).expect("it has AWS's name");
    let Transition::Next(next) = state.transition else { panic!("it goes on") };
    assert_eq!(&*machine.state(next).name, "B");
    let caught: Vec<&str> = state.catch.iter().map(|catcher| &*machine.state(catcher.next).name).collect();
    assert_eq!(caught, ["C", "B"]);
}

#[test]
fn choices_and_defaults_lead_somewhere_too() {
    let definition =
        r#"{"Type": "Choice", "QueryLanguage": "JSONata", "Choices": [{"Condition": "{% true %}", "Next": "A"}], "Default": "A"}"#;
    let machine = parse_state(definition, MachineType::Standard).expect("the state is valid");
    assert!(matches!(machine.state_named(LONE_STATE_NAME).map(|state| &state.kind), Some(StateKind::Choice(_))));
    assert_eq!(machine.states.len(), 2);
}

#[test]
fn what_is_wrong_with_a_state_is_told() {
    for definition in ["{}", "[]", "", r#"{"Type": "Pass"}"#, r#"{"Type": "Nothing", "End": true}"#, r#"{"StartAt": "A", "States": {}}"#] {
        let diagnostics = parse_state(definition, MachineType::Standard).expect_err(definition);
        assert!(!diagnostics.is_empty(), "{definition}");
    }
}
