use std::sync::Arc;

use baton_engine::{Input, Payload, Rejected, Start, TaskRef};
use proptest::prelude::*;

use super::*;
use crate::cluster::{ClaimName, ExecutionId, Listed, SendError, TaskName};
use crate::shard::Answer;
use crate::store::ShardId;

fn start() -> Box<Start> {
    let text = |text: &str| -> Arc<str> { text.into() };
    Box::new(Start {
        execution_arn: text("arn:aws:states:us-east-1:123456789012:execution:m:e"),
        state_machine_arn: text("arn:aws:states:us-east-1:123456789012:stateMachine:m"),
        state_machine_name: text("m"),
        name: text("e"),
        revision: u128::MAX / 7,
        version_arn: None,
        alias_arn: None,
        role_arn: text("arn:aws:iam::123456789012:role/r"),
        input: Payload::from_text("{\"a\":1}".to_owned()),
        trace_header: None,
        seed: 9,
        at: 0,
        deadline: None,
        test_case: None,
        map_child: None,
    })
}

#[test]
fn questions_come_back() {
    let question = Question::Start { start: start(), is_repeated: true, catalog_position: 17 };
    let Ok(Question::Start { start: read, is_repeated: true, catalog_position: 17 }) = decode_question(&encode_question(&question)) else {
        panic!("a start")
    };
    assert_eq!(read, start());
    let output = Payload::from_text("[1]".to_owned());
    let task = TaskRef { entry: 3, attempt: 1 };
    let report = Question::Report { id: ExecutionId(5), input: Input::TaskSucceeded { task, output: output.clone() }, claim_id: Some(8) };
    let Ok(Question::Report { input: Input::TaskSucceeded { output: read, .. }, claim_id: Some(8), .. }) =
        decode_question(&encode_question(&report))
    else {
        panic!("a report")
    };
    assert_eq!(read, output);
}

#[test]
fn answers_come_back() {
    let rejected = || PeerAnswer::Shard(Answer::Sent(Err(SendError::Rejected(Rejected::TimedOut))));
    let Ok(PeerAnswer::Shard(Answer::Sent(Err(read)))) = decode_answer(&encode_answer(rejected())) else { panic!("a rejection") };
    assert_eq!(read, SendError::Rejected(Rejected::TimedOut));
    let held = vec![ClaimName { execution: ExecutionId(1), task: TaskRef { entry: 2, attempt: 3 }, claim_id: 4 }];
    let Ok(PeerAnswer::Holding(Some(read))) = decode_answer(&encode_answer(PeerAnswer::Holding(Some(held.clone())))) else {
        panic!("what is held")
    };
    assert_eq!(read, held);
    let listed = || PeerAnswer::Listed(Listed { shards: [ShardId(3), ShardId(200)].into_iter().collect(), executions: Vec::new() });
    let Ok(PeerAnswer::Listed(read)) = decode_answer(&encode_answer(listed())) else { panic!("a list") };
    assert_eq!(read.shards.iter().collect::<Vec<_>>(), [ShardId(3), ShardId(200)]);
    assert!(matches!(decode_answer(&encode_answer(PeerAnswer::Unavailable("why"))), Ok(PeerAnswer::Unavailable("why"))));
}

#[test]
fn notices_come_back() {
    let task = TaskRef { entry: 2, attempt: 3 };
    let notice = Notice::HandedBack { execution: ExecutionId(7), task };
    let Ok(Notice::HandedBack { execution: ExecutionId(7), task: read }) = decode_notice(&encode_notice(&notice)) else {
        panic!("an offer that was handed back")
    };
    assert_eq!(read, task);
    let claim = ClaimName { execution: ExecutionId(1), task, claim_id: u64::MAX };
    let cancel = Notice::Cancel { incarnation: 9, claim };
    assert!(matches!(decode_notice(&encode_notice(&cancel)), Ok(Notice::Cancel { incarnation: 9, claim: read }) if read == claim));
    assert!(matches!(decode_notice(&encode_notice(&Notice::Heartbeat(claim))), Ok(Notice::Heartbeat(read)) if read == claim));
}

#[test]
fn tasks_are_lent_by_name() {
    let question = Question::Borrow { wanted: vec![("lambda:f".into(), 3)], is_cut_off: true };
    let Ok(Question::Borrow { wanted, is_cut_off: true }) = decode_question(&encode_question(&question)) else { panic!("a loan") };
    assert_eq!(wanted, [("lambda:f".into(), 3)]);
    let lent = vec![(0, TaskName { execution: ExecutionId(5), task: TaskRef { entry: 2, attempt: 1 } })];
    let Ok(PeerAnswer::Lent(read)) = decode_answer(&encode_answer(PeerAnswer::Lent(lent.clone()))) else { panic!("what is lent") };
    assert_eq!(read, lent);
}

#[test]
fn other_formats_are_told_from_damage() {
    let mut bytes = encode_answer(PeerAnswer::NotHere).to_vec();
    assert!(matches!(decode_answer(&[]), Err(CodecError::Malformed(_))));
    bytes[0] = FORMAT + 1;
    assert!(matches!(decode_answer(&bytes), Err(CodecError::Format(format)) if format == FORMAT + 1));
}

proptest! {
    #[test]
    fn no_bytes_make_reading_panic(mut bytes: Vec<u8>, place: usize, byte: u8) {
        if let Some(first) = bytes.first_mut() {
            *first = FORMAT;
        }
        let _ = (decode_question(&bytes).is_ok(), decode_answer(&bytes).is_ok(), decode_notice(&bytes).is_ok());
        let mut real = encode_question(&Question::Start { start: start(), is_repeated: false, catalog_position: 0 }).to_vec();
        let place = place % real.len();
        real[place] = byte;
        let _ = decode_question(&real).is_ok();
    }
}
