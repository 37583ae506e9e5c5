//! Requests as ready-made bytes.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::Endpoint;

/// Any signature is accepted where no keys are set up, and real ones would cost the generator more than the request itself.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/states/aws4_request, SignedHeaders=host, Signature=0";

/// Everything in an ARN that is not plain in a path segment, the colon and the slash among them.
const PATH_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A whole HTTP request.
#[derive(Clone, Debug)]
pub(crate) struct Request(Vec<u8>);

impl Request {
    /// A call of the AWS JSON API.
    pub(crate) fn aws(endpoint: &Endpoint, operation: &str, body: &Value) -> Self {
        let body = body.to_string();
        Self(
            format!(
                "POST / HTTP/1.1\r\nhost: {}\r\ncontent-type: application/x-amz-json-1.0\r\nx-amz-target: AWSStepFunctions.{operation}\r\n\
                 authorization: {AUTHORIZATION}\r\ncontent-length: {}\r\n\r\n{body}",
                endpoint.authority,
                body.len(),
            )
            .into_bytes(),
        )
    }

    pub(crate) fn get(endpoint: &Endpoint, path: &str) -> Self {
        Self(format!("GET {path} HTTP/1.1\r\nhost: {}\r\nauthorization: {AUTHORIZATION}\r\n\r\n", endpoint.authority).into_bytes())
    }

    /// Answers DescribeExecution's shape once the execution has ended, or after `seconds`.
    pub(crate) fn wait(endpoint: &Endpoint, execution_arn: &str, seconds: u32) -> Self {
        let arn = utf8_percent_encode(execution_arn, PATH_SEGMENT);
        Self::get(endpoint, &format!("/api/executions/{arn}/wait?seconds={seconds}"))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The names of one run's executions: a part that no other run has and a number. All are of one length, so that a request for
/// another execution differs in the digits alone, and all can be named again without remembering any.
#[derive(Clone, Debug)]
pub(crate) struct ExecutionNames {
    run: String,
    /// `arn:...:execution:MACHINE:`
    arn_prefix: String,
}

/// Enough digits for any run, and few enough to read.
const NUMBER_LEN: usize = 10;

impl ExecutionNames {
    /// `run` tells this run apart from every other one on the same server.
    pub(crate) fn new(run: &str, state_machine_arn: &str) -> Self {
        let arn_prefix = format!("{}:", state_machine_arn.replacen(":stateMachine:", ":execution:", 1));
        Self { run: run.to_owned(), arn_prefix }
    }

    pub(crate) fn name(&self, number: u64) -> String {
        format!("{}-{number:0NUMBER_LEN$}", self.run)
    }

    pub(crate) fn arn(&self, number: u64) -> String {
        format!("{}{}", self.arn_prefix, self.name(number))
    }
}

/// A request about an execution in which only the execution's number changes.
#[derive(Clone, Debug)]
pub(crate) struct RequestTemplate {
    bytes: Vec<u8>,
    digits_at: usize,
}

impl RequestTemplate {
    /// `make` builds the request for the execution with the given name and ARN.
    pub(crate) fn new(names: &ExecutionNames, make: impl Fn(&str, &str) -> Request) -> Self {
        let request = make(&names.name(0), &names.arn(0));
        let name = names.name(0);
        let name_at = request
            .bytes()
            .windows(name.len())
            .rposition(|window| window == name.as_bytes())
            .expect("a request about an execution holds its name");
        Self { digits_at: name_at + name.len() - NUMBER_LEN, bytes: request.0 }
    }

    /// The request for execution `number`.
    pub(crate) fn for_execution(&mut self, number: u64) -> &[u8] {
        let mut rest = number;
        for digit in self.bytes[self.digits_at..self.digits_at + NUMBER_LEN].iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).expect("a remainder of ten is a digit");
            rest /= 10;
        }
        debug_assert_eq!(rest, 0, "a run has fewer than 10^{NUMBER_LEN} executions");
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:m";

    #[test]
    fn a_template_makes_the_same_bytes_as_a_fresh_request() {
        let endpoint: Endpoint = "http://127.0.0.1:1".parse().expect("a valid endpoint");
        let names = ExecutionNames::new("r7", MACHINE);
        let start = |name: &str, _: &str| {
            Request::aws(&endpoint, "StartExecution", &json!({"stateMachineArn": MACHINE, "name": name, "input": "{}"}))
        };
        let wait = |_: &str, arn: &str| Request::wait(&endpoint, arn, 60);
        let (mut starts, mut waits) = (RequestTemplate::new(&names, start), RequestTemplate::new(&names, wait));
        for number in [0, 1, 42, 9_999_999_999, 1_234_567_890] {
            assert_eq!(starts.for_execution(number), start(&names.name(number), "").bytes());
            assert_eq!(waits.for_execution(number), wait("", &names.arn(number)).bytes());
        }
    }

    #[test]
    fn an_arn_is_one_path_segment() {
        let endpoint: Endpoint = "http://127.0.0.1:1".parse().expect("a valid endpoint");
        let request = Request::wait(&endpoint, "arn:aws:states:us-east-1:1:execution:m/x:n", 5);
        let text = String::from_utf8(request.0).expect("a request is text");
        assert!(
            text.starts_with("GET /api/executions/arn%3Aaws%3Astates%3Aus-east-1%3A1%3Aexecution%3Am%2Fx%3An/wait?seconds=5 HTTP/1.1\r\n"),
            "{text}"
        );
    }
}
