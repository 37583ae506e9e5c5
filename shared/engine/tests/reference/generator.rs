//! Random machines: forward-only flows of all eight state types, nested twice at most, with paths that exist.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A machine and an input.
pub(crate) fn machine_and_input() -> impl Strategy<Value = (Value, Value)> {
    (flow(2, "s".into()), input())
}

fn input() -> impl Strategy<Value = Value> {
    (0..9u8, prop::sample::select(vec!["x", "y", "w"]), prop::collection::vec(0..5u8, 0..4))
        .prop_map(|(n, s, list)| json!({ "n": n, "s": s, "list": list.into_iter().map(|n| json!({ "n": n, "s": "x", "list": [] })).collect::<Vec<_>>() }))
}

/// A flow of one to five states; names begin with `prefix`, so they are unique in the machine.
fn flow(depth: u32, prefix: String) -> BoxedStrategy<Value> {
    (1..6usize)
        .prop_flat_map(move |length| {
            let states: Vec<_> = (0..length).map(|index| state(depth, prefix.clone(), index, length)).collect();
            let prefix = prefix.clone();
            states.prop_map(move |states| {
                let named: Map<String, Value> =
                    states.into_iter().enumerate().map(|(index, state)| (name(&prefix, index), state)).collect();
                json!({ "StartAt": name(&prefix, 0), "States": named })
            })
        })
        .boxed()
}

fn name(prefix: &str, index: usize) -> String {
    format!("{prefix}{index}")
}

/// `Next` or `End`, always forward.
fn onward(state: &mut Value, prefix: &str, index: usize, length: usize) {
    if index + 1 < length {
        state["Next"] = json!(name(prefix, index + 1));
    } else {
        state["End"] = json!(true);
    }
}

fn state(depth: u32, prefix: String, index: usize, length: usize) -> BoxedStrategy<Value> {
    let last = index + 1 == length;
    let onward_prefix = prefix.clone();
    let simple = prop_oneof![4 => pass(name(&prefix, index)), 5 => task(prefix.clone(), index, length), 2 => wait()];
    let simple = simple.prop_map(move |mut state| {
        onward(&mut state, &onward_prefix, index, length);
        state
    });
    let mut options = vec![(8, simple.boxed())];
    if last {
        options.push((1, Just(json!({ "Type": "Succeed" })).boxed()));
        options.push((1, Just(json!({ "Type": "Fail", "Error": "Failed", "Cause": "on purpose" })).boxed()));
    } else {
        options.push((3, choice(prefix.clone(), index, length).boxed()));
    }
    if depth > 0 {
        options.push((2, parallel(depth, prefix.clone(), index, length)));
        options.push((2, map(depth, prefix, index, length)));
    }
    prop::strategy::Union::new_weighted(options).boxed()
}

fn pass(name: String) -> impl Strategy<Value = Value> {
    // Variable names are unique in the machine, since an inner scope may not assign an outer name.
    let variable = format!("v_{name}.$");
    prop_oneof![
        Just(json!({ "Type": "Pass" })),
        Just(json!({ "Type": "Pass", "Result": { "n": 3, "s": "y", "list": [] } })),
        Just(json!({ "Type": "Pass", "Result": 7, "ResultPath": "$.n" })),
        Just(json!({ "Type": "Pass", "Parameters": { "n.$": "$.n", "s": "z", "list.$": "$.list", "deep": { "s.$": "$.s" } } })),
        Just(json!({ "Type": "Pass", "Parameters": { "s.$": "$.s" }, "ResultPath": "$.extra" })),
        Just(json!({ "Type": "Pass", "Assign": { variable: "$.n" } })),
        Just(json!({ "Type": "Pass", "ResultPath": null, "Result": 1 })),
    ]
}

fn wait() -> impl Strategy<Value = Value> {
    (0..3u8).prop_map(|seconds| json!({ "Type": "Wait", "Seconds": seconds }))
}

fn retriers() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!([])),
        Just(json!([{ "ErrorEquals": ["Flaky"], "IntervalSeconds": 1, "MaxAttempts": 2 }])),
        Just(
            json!([{ "ErrorEquals": ["Lambda.ServiceException"], "MaxAttempts": 0 }, { "ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "BackoffRate": 1.5, "MaxAttempts": 1, "MaxDelaySeconds": 3 }])
        ),
        Just(json!([{ "ErrorEquals": ["States.Timeout"], "MaxAttempts": 1 }, { "ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 1 }])),
    ]
}

/// Catchers lead forward; the error's place is chosen so that later paths still exist.
fn catchers(prefix: String, index: usize, length: usize) -> BoxedStrategy<Value> {
    if index + 1 >= length {
        return Just(json!([])).boxed();
    }
    let errors = prop_oneof![Just("States.ALL"), Just("Fatal"), Just("States.TaskFailed"), Just("States.Timeout")];
    (errors, index + 1..length)
        .prop_map(move |(error, target)| json!([{ "ErrorEquals": [error], "ResultPath": "$.error", "Next": name(&prefix, target) }]))
        .boxed()
}

fn task(prefix: String, index: usize, length: usize) -> impl Strategy<Value = Value> {
    let result = prop_oneof![Just(Value::Null), Just(json!("$.extra")), Just(json!("$"))];
    (retriers(), catchers(prefix, index, length), result, prop::option::of(1..4u8)).prop_map(|(retry, catch, result, timeout)| {
        let mut state = json!({ "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "Retry": retry, "Catch": catch, "ResultPath": result });
        if let Some(seconds) = timeout {
            state["TimeoutSeconds"] = json!(seconds);
        }
        state
    })
}

fn choice(prefix: String, index: usize, length: usize) -> impl Strategy<Value = Value> {
    let rule = prop_oneof![
        (0..9u8).prop_map(|n| json!({ "Variable": "$.n", "NumericGreaterThan": n })),
        Just(json!({ "Variable": "$.s", "StringEquals": "x" })),
        Just(json!({ "Variable": "$.extra", "IsPresent": true })),
        Just(json!({ "And": [{ "Variable": "$.s", "StringEquals": "x" }, { "Not": { "Variable": "$.n", "NumericGreaterThan": 4 } }] })),
        Just(json!({ "Or": [{ "Variable": "$.s", "StringEquals": "y" }, { "Variable": "$.n", "NumericGreaterThan": 6 }] })),
    ];
    // Every later state must stay reachable, so the default is the next one.
    (prop::collection::vec((rule, index + 1..length), 1..3)).prop_map(move |rules| {
        let rules: Vec<_> = rules
            .into_iter()
            .map(|(mut rule, target)| {
                rule["Next"] = json!(name(&prefix, target));
                rule
            })
            .collect();
        json!({ "Type": "Choice", "Choices": rules, "Default": name(&prefix, index + 1) })
    })
}

fn parallel(depth: u32, prefix: String, index: usize, length: usize) -> BoxedStrategy<Value> {
    (1..4usize)
        .prop_flat_map({
            let prefix = prefix.clone();
            move |branches| {
                let branches: Vec<_> = (0..branches).map(|branch| flow(depth - 1, format!("{prefix}{index}b{branch}_"))).collect();
                (branches, retriers(), catchers(prefix.clone(), index, length))
            }
        })
        .prop_map(move |(branches, retry, catch)| {
            let mut state = json!({ "Type": "Parallel", "Branches": branches, "Retry": retry, "Catch": catch, "ResultPath": "$.extra" });
            onward(&mut state, &prefix, index, length);
            state
        })
        .boxed()
}

fn map(depth: u32, prefix: String, index: usize, length: usize) -> BoxedStrategy<Value> {
    (flow(depth - 1, format!("{prefix}{index}i_")), prop_oneof![3 => Just(1u8), 1 => Just(0), 1 => Just(2)], retriers(), catchers(prefix.clone(), index, length))
        .prop_map(move |(processor, concurrency, retry, catch)| {
            let mut state = json!({ "Type": "Map", "ItemsPath": "$.list", "ItemProcessor": processor, "MaxConcurrency": concurrency, "Retry": retry, "Catch": catch, "ResultPath": "$.extra" });
            onward(&mut state, &prefix, index, length);
            state
        })
        .boxed()
}
