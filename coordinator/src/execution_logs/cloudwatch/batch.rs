//! What one PutLogEvents takes.

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::mpsc;

use super::Line;

/// Events of one call.
const EVENTS_MAX: usize = 10_000;
/// Bytes of one call: the messages, and so many more for each.
const BYTES_MAX: usize = 1_048_576;
const BYTES_PER_EVENT: usize = 26;

/// Lines of one log group, taken from its queue up to what one call takes.
pub(super) struct Gatherer {
    lines: mpsc::UnboundedReceiver<Line>,
    /// Did not fit into the last batch.
    left_over: Option<Line>,
}

impl Gatherer {
    pub(super) fn new(lines: mpsc::UnboundedReceiver<Line>) -> Self {
        Self { lines, left_over: None }
    }

    /// Answers when a line is there; `None` when none will come any more.
    pub(super) async fn first(&mut self) -> Option<Line> {
        match self.left_over.take() {
            Some(line) => Some(line),
            None => self.lines.recv().await,
        }
    }

    /// `first` and what else is there, in order.
    pub(super) fn batch(&mut self, first: Line) -> Vec<Line> {
        let mut bytes = cost(&first);
        let mut batch = vec![first];
        while batch.len() < EVENTS_MAX {
            let Ok(line) = self.lines.try_recv() else { break };
            bytes += cost(&line);
            if bytes > BYTES_MAX {
                self.left_over = Some(line);
                break;
            }
            batch.push(line);
        }
        batch
    }
}

fn cost(line: &Line) -> usize {
    line.text.len() + BYTES_PER_EVENT
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PutLogEvents<'a> {
    log_group_name: &'a str,
    log_stream_name: &'a str,
    log_events: Vec<InputLogEvent<'a>>,
}

#[derive(Serialize)]
struct InputLogEvent<'a> {
    timestamp: i64,
    message: &'a str,
}

/// The members of PutLogEvents. `lines` are in order of their times.
pub(super) fn put_log_events(log_group_name: &str, log_stream_name: &str, lines: &[Line]) -> Bytes {
    let log_events = lines.iter().map(|line| InputLogEvent { timestamp: line.at, message: &line.text }).collect();
    let request = PutLogEvents { log_group_name, log_stream_name, log_events };
    Bytes::from(serde_json::to_vec(&request).expect("the request has text keys and whole numbers"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::Account;

    fn line(text: &str) -> Line {
        let account = Account::new(super::super::losses("test"), 1 << 20);
        Line { state_machine_name: "m".into(), at: 5, text: text.to_owned(), _held: account.admit(1).expect("there is room") }
    }

    #[tokio::test]
    async fn a_batch_is_no_larger_than_a_call() {
        let (sender, lines) = mpsc::unbounded_channel();
        let quarter = "x".repeat(256 * 1024 - BYTES_PER_EVENT);
        (0..5).for_each(|_| sender.send(line(&quarter)).expect("the queue is open"));
        (0..EVENTS_MAX).for_each(|_| sender.send(line("")).expect("the queue is open"));
        drop(sender);
        let mut gatherer = Gatherer::new(lines);
        let mut sizes = Vec::new();
        while let Some(first) = gatherer.first().await {
            sizes.push(gatherer.batch(first).len());
        }
        assert_eq!(sizes, [4, EVENTS_MAX, 1]);
    }

    #[test]
    fn a_call_says_where_when_and_what() {
        let body = put_log_events("g", "s", &[line("{\"id\":\"1\"}")]);
        let expected = r#"{"logGroupName":"g","logStreamName":"s","logEvents":[{"timestamp":5,"message":"{\"id\":\"1\"}"}]}"#;
        assert_eq!(body, expected.as_bytes());
    }
}
