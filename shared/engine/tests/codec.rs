//! The bytes of events and snapshots. Logs outlive releases: what is golden here must stay readable for ever.

use baton_asl::{MachineType, StateId, StateMachine};
use baton_engine::*;
use proptest::prelude::*;

const AT: Timestamp = 1_704_067_200_000;

fn machine() -> StateMachine {
    let definition = r#"{"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Assign": {"v": 1}, "Next": "T"},
        "T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "TimeoutSeconds": 9, "End": true}}}"#;
    baton_asl::parse(definition, MachineType::Standard).expect("the definition is valid")
}

fn start() -> Start {
    Start {
        execution_arn: "e".into(),
        state_machine_arn: "s".into(),
        state_machine_name: "m".into(),
        name: "x".into(),
        revision: 0x0102,
        version_arn: None,
        alias_arn: Some("a".into()),
        role_arn: "r".into(),
        input: Payload::from_text("{ }".to_owned()),
        trace_header: None,
        seed: 7,
        at: AT,
        deadline: None,
        test_case: None,
        map_child: None,
    }
}

/// A started execution, and all that has happened to it.
fn running() -> (Execution, Vec<Event>) {
    let (machine, limits) = (machine(), Limits::default());
    let mut out = Decision::default();
    let execution = Execution::start(&Env { machine: &machine, limits: &limits, services: &NoServices }, start(), &mut out);
    (execution, out.events)
}

fn encoded(value: &impl bincode::Encode) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_with_table(value, &mut bytes);
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn golden_event() {
    let payload = Payload::from_text("{ }".to_owned());
    let event = |kind| Event { at: AT, previous: 2, thread: ThreadId(3), kind };
    let events = vec![
        event(EventKind::StateExited {
            state: StateId(4),
            output: payload.clone(),
            assigned: vec![("v".into(), Payload::from_text("1".to_owned()))],
            then: Then::Next(StateId(5)),
        }),
        event(EventKind::StateEntered { state: StateId(5), input: payload }),
    ];
    let golden = [
        "0200000000000000", // two events
        "00f451c28c010000",
        "0200000000000000",
        "03000000", // at, previous, thread
        "06000000",
        "04000000", // StateExited, state
        "00000000",
        "03000000",
        "7b207d", // a new payload, its length and text
        "0100000000000000",
        "0100000000000000",
        "76", // one variable, its name
        "00000000",
        "01000000",
        "31", // a new payload
        "00000000",
        "05000000", // Next, state
        "00f451c28c010000",
        "0200000000000000",
        "03000000", // at, previous, thread
        "05000000",
        "05000000", // StateEntered, state
        "01000000", // the first payload again
    ];
    assert_eq!(hex(&encoded(&events)), golden.concat());
}

/// The numbers of all variants: they are the log's format, so none may ever move.
#[test]
fn golden_variants() {
    let (state, failure) = (StateId(0), Failure::default());
    let payload = || Payload::from_text("1".to_owned());
    let claim = Claim { worker_name: None, claim_id: 0, incarnation: 0, holder: Holder::Session };
    let kinds = [
        EventKind::ExecutionStarted(Box::new(start())),
        EventKind::ExecutionSucceeded { output: payload() },
        EventKind::ExecutionFailed { failure: failure.clone() },
        EventKind::ExecutionAborted { failure: failure.clone() },
        EventKind::ExecutionTimedOut { failure: failure.clone() },
        EventKind::StateEntered { state, input: payload() },
        EventKind::StateExited { state, output: payload(), assigned: Vec::new(), then: Then::End },
        EventKind::StateAborted { state },
        EventKind::EvaluationFailed { state, failure: failure.clone(), location: None },
        EventKind::TaskScheduled { state, attempt: 1, input: payload(), timeout_seconds: None, heartbeat_seconds: None, role_arn: None },
        EventKind::TaskRefused { state, failure: failure.clone() },
        EventKind::TaskStarted { state, claim: claim.clone() },
        EventKind::TaskSubmitted { state, output: payload() },
        EventKind::TaskSucceeded { state, output: payload() },
        EventKind::TaskFailed { state, failure: failure.clone() },
        EventKind::TaskTimedOut { state, failure: failure.clone(), heartbeat: false },
        EventKind::ParallelStateStarted { state, input: payload() },
        EventKind::ParallelStateSucceeded { state },
        EventKind::ParallelStateFailed { state },
        EventKind::MapStateStarted { state, length: 0, input: payload(), items: payload(), keyed: false, concurrency: 1 },
        EventKind::MapIterationStarted { state, index: 0, iteration: ThreadId(1), input: payload() },
        EventKind::MapIterationSucceeded { state, index: 0 },
        EventKind::MapIterationFailed { state, index: 0 },
        EventKind::MapIterationAborted { state, index: 0 },
        EventKind::MapStateSucceeded { state },
        EventKind::MapStateFailed { state },
        EventKind::WaitStarted { state, until: AT },
        EventKind::RetryScheduled { state, retrier: 0, at: AT, failure },
        EventKind::TaskRegranted { state, claim },
        EventKind::ExecutionRedriven { redrive_count: 1, deadline: None, client_token: None },
    ];
    for (number, kind) in kinds.into_iter().enumerate() {
        let bytes = encoded(&Event { at: 0, previous: 0, thread: ThreadId::ROOT, kind });
        assert_eq!(bytes[20..24], (number as u32).to_le_bytes(), "variant {number}");
    }
}

#[test]
fn a_batch_holds_a_payload_once() {
    let text = format!("\"{}\"", "x".repeat(10_000));
    let payload = Payload::from_text(text.clone());
    let events = |payload: &dyn Fn(usize) -> Payload, count: usize| {
        let kind = |index| EventKind::StateEntered { state: StateId(0), input: payload(index) };
        (0..count).map(|index| Event { at: 0, previous: 0, thread: ThreadId::ROOT, kind: kind(index) }).collect::<Vec<_>>()
    };
    let shared = encoded(&events(&|_| payload.clone(), 100));
    assert!(shared.len() < 10_000 + 100 * 40, "{}", shared.len());

    // Many payloads: each is found again, also beyond the first few.
    let many: Vec<Payload> = (0..60).map(|index| Payload::from_text(index.to_string())).collect();
    let batch = events(&|index| many[index % 60].clone(), 180);
    let decoded: Vec<Event> = decode_with_table(&encoded(&batch)).expect("what was written");
    assert_eq!(decoded, batch);
    let input = |event: &Event| match &event.kind {
        EventKind::StateEntered { input, .. } => input.clone(),
        _ => unreachable!("all are entries"),
    };
    for index in 0..60 {
        assert!(input(&decoded[index]).is_same(&input(&decoded[index + 60])), "{index}");
        assert!(input(&decoded[index]).is_same(&input(&decoded[index + 120])), "{index}");
    }
}

#[test]
fn nothing_is_shared_between_two_values() {
    let payload = Payload::from_text("1".to_owned());
    let event = Event { at: 0, previous: 0, thread: ThreadId::ROOT, kind: EventKind::ExecutionSucceeded { output: payload } };
    let mut bytes = Vec::new();
    encode_with_table(&event, &mut bytes);
    let first = bytes.len();
    encode_with_table(&event, &mut bytes);
    assert_eq!(bytes[..first], bytes[first..]);
    assert_eq!(decode_with_table::<Event>(&bytes[first..]).expect("what was written"), event);
}

#[test]
fn a_damaged_snapshot_is_an_error() {
    let (execution, _) = running();
    let bytes = encoded(&execution);
    assert_eq!(decode_with_table::<Execution>(&bytes).expect("what was written"), execution);
    for length in 0..bytes.len() {
        assert!(decode_with_table::<Execution>(&bytes[..length]).is_err(), "cut at {length}");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    let error = decode_with_table::<Execution>(&longer).expect_err("a byte is left over");
    assert!(error.to_string().contains("left over"), "{error}");
}

#[test]
fn forged_lengths_and_references_are_refused() {
    let refused = |bytes: &[u8]| decode_with_table::<Payload>(bytes).expect_err("forged").to_string();
    let new = |length: u32, text: &[u8]| [&0_u32.to_le_bytes()[..], &length.to_le_bytes(), text].concat();
    refused(&new(u32::MAX, b"1"));
    refused(&new(2, b"1"));
    refused(&new(1, &[0xff]));
    refused(&1_u32.to_le_bytes());
    refused(&[&u64::MAX.to_le_bytes()[..], &[0; 8]].concat());
    decode_with_table::<Vec<Event>>(&u64::MAX.to_le_bytes()).expect_err("a forged count");
    decode_with_table::<Vec<Event>>(&(1_u64 << 26).to_le_bytes()).expect_err("a count without events");
}

#[test]
fn a_waiting_execution_is_small() {
    let (execution, events) = running();
    assert!(encoded(&execution).len() < 400, "{}", encoded(&execution).len());
    assert!(encoded(&events).len() < 400, "{}", encoded(&events).len());
}

proptest! {
    #[test]
    fn random_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = decode_with_table::<Vec<Event>>(&bytes);
        let _ = decode_with_table::<Execution>(&bytes);
    }

    #[test]
    fn damaged_bytes_are_read_or_refused(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let (execution, events) = running();
        for mut bytes in [encoded(&execution), encoded(&events)] {
            let index = at.index(bytes.len());
            bytes[index] ^= 1 << bit;
            let _ = decode_with_table::<Vec<Event>>(&bytes);
            let _ = decode_with_table::<Execution>(&bytes);
        }
    }

    /// Whatever the log says, applying it ends, without a panic.
    #[test]
    fn events_in_any_order_are_applied(order in proptest::collection::vec(any::<prop::sample::Index>(), 0..40), thread in 0_u32..4) {
        let (_, events) = running();
        let machine = machine();
        let mut execution = Execution::recover(&machine, &events[0]);
        for index in order {
            let mut event = index.get(&events).clone();
            if index.index(3) == 0 {
                event.thread = ThreadId(thread);
            }
            execution.apply(&machine, &event);
        }
    }
}

#[test]
fn sizes_in_memory() {
    let (event, execution) = (size_of::<Event>(), size_of::<Execution>());
    assert!(event <= 96, "an event takes {event} bytes");
    assert!(execution <= 600, "an execution takes {execution} bytes");
}
