//! What a transition, an execution and its bytes cost: `cargo bench -p baton-engine`.

use std::hint::black_box;

use baton_asl::{MachineType, StateMachine};
use baton_engine::*;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

fn machine(definition: &str) -> StateMachine {
    baton_asl::parse(definition, MachineType::Standard).expect("the benchmark's machines are valid")
}

fn start(input: &str) -> Start {
    Start {
        execution_arn: "arn:aws:states:us-east-1:123456789012:execution:m:x".into(),
        state_machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:m".into(),
        state_machine_name: "m".into(),
        name: "x".into(),
        revision: 1,
        version_arn: None,
        alias_arn: None,
        role_arn: "arn:aws:iam::123456789012:role/r".into(),
        input: Payload::from_text(input.to_owned()),
        trace_header: None,
        seed: 1,
        at: 1_704_067_200_000,
        deadline: None,
        test_case: None,
        map_child: None,
    }
}

/// A chain of Pass and Choice states, each a transition.
fn chain(length: usize) -> StateMachine {
    let state = |index: usize| match index {
        _ if index + 1 == length => r#"{"Type": "Pass", "End": true}"#.to_owned(),
        _ if index.is_multiple_of(2) => format!(r#"{{"Type": "Pass", "Next": "S{}"}}"#, index + 1),
        _ => {
            let next = index + 1;
            format!(
                r#"{{"Type": "Choice", "Choices": [{{"Variable": "$.n", "NumericGreaterThan": 100, "Next": "S0"}}], "Default": "S{next}"}}"#
            )
        }
    };
    let states: Vec<String> = (0..length).map(|index| format!(r#""S{index}": {}"#, state(index))).collect();
    machine(&format!(r#"{{"StartAt": "S0", "States": {{{}}}}}"#, states.join(",")))
}

fn transitions(criterion: &mut Criterion) {
    let limits = Limits::default();
    let mut group = criterion.benchmark_group("decide");
    let passes = 100;
    let states: Vec<String> = (0..passes)
        .map(|index| {
            let end = if index + 1 == passes { r#""End": true"#.to_owned() } else { format!(r#""Next": "S{}""#, index + 1) };
            format!(r#""S{index}": {{"Type": "Pass", {end}}}"#)
        })
        .collect();
    let pass = machine(&format!(r#"{{"StartAt": "S0", "States": {{{}}}}}"#, states.join(",")));
    let choice = chain(passes);
    for (name, machine) in [("pass", &pass), ("pass and choice", &choice)] {
        group.throughput(Throughput::Elements(passes as u64));
        group.bench_function(format!("{passes} transitions: {name}"), |bencher| {
            let env = Env { machine, limits: &limits, services: &NoServices };
            let mut out = Decision::default();
            bencher.iter_batched(
                || start(r#"{"n":1}"#),
                |start| {
                    out.clear();
                    black_box(Execution::start(&env, start, &mut out))
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// Five tasks, one after the other, as a worker drives them.
fn five_tasks(criterion: &mut Criterion) {
    let limits = Limits::default();
    let states: Vec<String> = (0..5)
        .map(|index| {
            let end = if index == 4 { r#""End": true"#.to_owned() } else { format!(r#""Next": "S{}""#, index + 1) };
            format!(r#""S{index}": {{"Type": "Task", "Resource": "{FUNCTION}", {end}}}"#)
        })
        .collect();
    let machine = machine(&format!(r#"{{"StartAt": "S0", "States": {{{}}}}}"#, states.join(",")));
    let env = Env { machine: &machine, limits: &limits, services: &NoServices };
    let mut out = Decision::default();
    criterion.bench_function("five tasks", |bencher| {
        bencher.iter_batched(
            || start(r#"{"n":1}"#),
            |start| {
                out.clear();
                let mut execution = Execution::start(&env, start, &mut out);
                while let Some(Effect::Dispatch(activation)) = out.effects.pop() {
                    let claim = Claim { worker_name: None, claim_id: 1, incarnation: 1, holder: Holder::Session };
                    let started = Input::TaskStarted { task: activation.task, claim };
                    execution.decide(&env, started, 1_704_067_200_001, &mut out).expect("the task is out");
                    let succeeded = Input::TaskSucceeded { task: activation.task, output: activation.input };
                    execution.decide(&env, succeeded, 1_704_067_200_002, &mut out).expect("the task is claimed");
                }
                black_box(execution)
            },
            BatchSize::SmallInput,
        );
    });
}

fn iterations(criterion: &mut Criterion) {
    let limits = Limits { history_events_max: u64::MAX, ..Limits::default() };
    let processor = r#"{"StartAt": "I", "States": {"I": {"Type": "Pass", "End": true}}}"#;
    let machine =
        machine(&format!(r#"{{"StartAt": "M", "States": {{"M": {{"Type": "Map", "ItemProcessor": {processor}, "End": true}}}}}}"#));
    let env = Env { machine: &machine, limits: &limits, services: &NoServices };
    let mut group = criterion.benchmark_group("map");
    for length in [100, 1_000, 10_000] {
        let items = format!("[{}]", vec![r#"{"a":1}"#; length].join(","));
        group.throughput(Throughput::Elements(length as u64));
        group.bench_function(format!("{length} iterations"), |bencher| {
            let mut out = Decision::default();
            bencher.iter(|| {
                out.clear();
                let mut execution = Execution::start(&env, start(&items), &mut out);
                while execution.wants_continue() {
                    out.clear();
                    execution.decide(&env, Input::Continue, 1_704_067_200_000, &mut out).expect("it runs");
                }
                black_box(execution)
            });
        });
    }
    group.finish();
}

fn codec(criterion: &mut Criterion) {
    let limits = Limits::default();
    let machine = chain(5);
    let env = Env { machine: &machine, limits: &limits, services: &NoServices };
    let mut out = Decision::default();
    Execution::start(&env, start(r#"{"n":1,"orderId":"o-1","items":["a","b","c"]}"#), &mut out);
    assert_eq!(out.events.len(), 12);
    let mut bytes = Vec::new();
    encode_with_table(&out.events, &mut bytes);
    println!("12 events take {} bytes", bytes.len());
    criterion.bench_function("encode 12 events", |bencher| {
        bencher.iter(|| {
            bytes.clear();
            encode_with_table(&out.events, &mut bytes);
            black_box(bytes.len())
        });
    });
    criterion.bench_function("decode 12 events", |bencher| {
        bencher.iter(|| decode_with_table::<Vec<Event>>(&bytes).expect("what was written"));
    });
    criterion.bench_function("replay 12 events", |bencher| {
        bencher.iter(|| {
            let mut execution = Execution::recover(&machine, &out.events[0]);
            out.events[1..].iter().for_each(|event| execution.apply(&machine, event));
            black_box(execution)
        });
    });
}

criterion_group!(benches, transitions, five_tasks, iterations, codec);
criterion_main!(benches);
