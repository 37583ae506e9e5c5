//! A mocked response: answers by the numbers of the tasks that get them.

use std::sync::Arc;

use baton_engine::{Failure, MockedAnswer, MockedOutcome, Payload};

use super::Problem;
use super::document::Place;

const RESPONSE: &str = "an object of answers by number: \"0\", \"1-2\"";
const ANSWER: &str = "an object with either Return or Throw";
const THROW: &str = "an object with the texts Error and Cause";

/// The answers, in order of their numbers. An empty response is fine until a task asks for an answer.
pub(super) fn read(place: &Place<'_>) -> Result<Vec<MockedAnswer>, Problem> {
    let answers = place.members(RESPONSE)?.map(|(numbers, answer)| read_answer(numbers, &answer));
    let mut answers = answers.collect::<Result<Vec<_>, Problem>>()?;
    answers.sort_by_key(|answer| answer.first);
    match answers.windows(2).find(|pair| pair[1].first <= pair[0].last) {
        Some(pair) => Err(Problem::Overlap { place: place.pointer.clone(), number: pair[1].first }),
        None => Ok(answers),
    }
}

fn read_answer(numbers: &str, place: &Place<'_>) -> Result<MockedAnswer, Problem> {
    let (first, last) = range(numbers).ok_or_else(|| place.shape("under a number or a range of numbers, as \"0\" or \"1-2\""))?;
    Ok(MockedAnswer { first, last, outcome: outcome(place)? })
}

/// `"3"`, `"1-2"`.
fn range(text: &str) -> Option<(u32, u32)> {
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(text)?, number(text)?),
    };
    (first <= last).then_some((first, last))
}

fn outcome(place: &Place<'_>) -> Result<MockedOutcome, Problem> {
    let mut members = place.members(ANSWER)?;
    match (members.next(), members.next()) {
        (Some(("Return", result)), None) => Ok(MockedOutcome::Return(Payload::from_value(result.value.clone()))),
        (Some(("Throw", thrown)), None) => throw(&thrown).map(MockedOutcome::Throw),
        _ => Err(place.shape(ANSWER)),
    }
}

fn throw(place: &Place<'_>) -> Result<Failure, Problem> {
    let mut failure = Failure::default();
    for (name, member) in place.members(THROW)? {
        let text: Arc<str> = member.value.as_str().ok_or_else(|| member.shape("a text"))?.into();
        match name {
            "Error" => failure.error = Some(text),
            "Cause" => failure.cause = Some(text),
            _ => return Err(place.shape(THROW)),
        }
    }
    Ok(failure)
}
