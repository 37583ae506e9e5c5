//! `arn:aws:states:::lambda:invoke`: from parameters to a request, and from an answer to the result that Step Functions shows. The same
//! for workers and endpoints.

use baton_engine::{Failure, Payload, Timestamp};
use bytes::Bytes;
use serde_json::Value;
use std::fmt::Write as _;

use super::FunctionName;
use super::random::Random;
use crate::json_text;

/// `InvocationType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvocationType {
    /// The answer is waited for.
    RequestResponse,
    /// The function runs by itself.
    Event,
    /// The function does not run.
    DryRun,
}

impl InvocationType {
    /// As Lambda's header says it.
    pub fn name(self) -> &'static str {
        match self {
            InvocationType::RequestResponse => "RequestResponse",
            InvocationType::Event => "Event",
            InvocationType::DryRun => "DryRun",
        }
    }
}

/// Parameters of `lambda:invoke`, understood.
#[derive(Clone, Debug)]
pub struct InvokeRequest<'a> {
    /// `FunctionName`, as given.
    pub function_name: &'a str,
    /// The same, taken apart.
    pub function: FunctionName<'a>,
    /// `Qualifier`, or the one in the name.
    pub qualifier: Option<&'a str>,
    /// `Payload`; none and `null` are no body, which functions see as `{}`.
    pub payload: Option<&'a Value>,
    /// `InvocationType`.
    pub invocation_type: InvocationType,
    /// `LogType` is `Tail`.
    pub log_tail: bool,
    /// `ClientContext`: base64 of JSON.
    pub client_context: Option<&'a str>,
}

const FIELDS: [&str; 6] = ["FunctionName", "Payload", "InvocationType", "LogType", "Qualifier", "ClientContext"];

impl<'a> InvokeRequest<'a> {
    /// Reads the parameters. A failure says why the task cannot be started with them.
    pub fn parse(parameters: &'a Payload) -> Result<Self, Failure> {
        Self::read(parameters.value()).map_err(|problem| {
            let cause = format!("The Parameters '{}' could not be used to start the Task: [{problem}]", parameters.text());
            Failure::new("States.Runtime", cause)
        })
    }

    fn read(parameters: &'a Value) -> Result<Self, String> {
        let Value::Object(fields) = parameters else {
            return Err("The value of the field 'Parameters' has an invalid format".to_owned());
        };
        if let Some(unknown) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            return Err(format!("The field '{unknown}' is not supported by Step Functions"));
        }
        let text = |name: &str| match fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(invalid(name)),
        };
        let function_name = text("FunctionName")?.ok_or("The field 'FunctionName' is required but was missing")?;
        let function = FunctionName::parse(function_name).ok_or_else(|| invalid("FunctionName"))?;
        let invocation_type = match text("InvocationType")? {
            None | Some("RequestResponse") => InvocationType::RequestResponse,
            Some("Event") => InvocationType::Event,
            Some("DryRun") => InvocationType::DryRun,
            Some(_) => return Err(invalid("InvocationType")),
        };
        let log_tail = match text("LogType")? {
            None | Some("None") => false,
            Some("Tail") => true,
            Some(_) => return Err(invalid("LogType")),
        };
        let qualifier = text("Qualifier")?.or(function.qualifier);
        let payload = fields.get("Payload").filter(|payload| !payload.is_null());
        Ok(Self { function_name, function, qualifier, payload, invocation_type, log_tail, client_context: text("ClientContext")? })
    }

    /// What the function is called with. A string that holds JSON text is that text: AWS hands it on as it is, so that the string
    /// `"0"` reaches the function as the number 0.
    pub fn event(&self) -> Bytes {
        match self.payload {
            None => Bytes::from_static(b"{}"),
            Some(Value::String(text)) if json_text::check(text).is_ok() => Bytes::from(text.clone()),
            Some(payload) => Bytes::from(payload.to_string()),
        }
    }
}

fn invalid(field: &str) -> String {
    format!("The value of the field '{field}' has an invalid format")
}

/// The answer to an invocation, to be shown as Step Functions shows it.
#[derive(Clone, Debug)]
pub struct InvokeResult {
    /// HTTP status: 200, 202 for events, 204 for dry runs.
    pub status: u16,
    /// The function's output, JSON; `None` when nothing was waited for.
    pub payload: Option<Payload>,
    /// `ExecutedVersion`.
    pub executed_version: Option<String>,
    /// `LogResult`: base64.
    pub log_result: Option<String>,
    /// `RequestId`.
    pub request_id: String,
    /// The answer's headers, in order.
    pub headers: Vec<(String, String)>,
}

impl InvokeResult {
    /// The answer as Lambda would have given it, for a function that a worker ran.
    pub fn of_worker(
        status: u16,
        payload: Option<Payload>,
        executed_version: Option<String>,
        log_result: Option<String>,
        at: Timestamp,
        random: &mut Random,
    ) -> Self {
        let request_id = random.uuid().to_string();
        let length = payload.as_ref().map_or(0, Payload::len);
        let header = |name: &str, value: String| (name.to_owned(), value);
        let mut headers = vec![
            header("Connection", "keep-alive".to_owned()),
            header("Content-Length", length.to_string()),
            header("Content-Type", "application/json".to_owned()),
            header("Date", http_date(at)),
            header("x-amzn-Remapped-Content-Length", "0".to_owned()),
            header("x-amzn-RequestId", request_id.clone()),
            header("X-Amzn-Trace-Id", trace_id(at, random)),
        ];
        if let Some(version) = &executed_version {
            headers.push(header("X-Amz-Executed-Version", version.clone()));
        }
        if let Some(log) = &log_result {
            headers.push(header("X-Amz-Log-Result", log.clone()));
        }
        Self { status, payload, executed_version, log_result, request_id, headers }
    }

    /// The task's result.
    pub fn into_payload(self) -> Payload {
        let payload = self.payload.as_ref().map_or("\"\"", Payload::text);
        let mut text = String::with_capacity(payload.len() + 1024);
        text.push('{');
        if let Some(version) = &self.executed_version {
            write_member(&mut text, "ExecutedVersion", version);
        }
        if let Some(log) = &self.log_result {
            write_member(&mut text, "LogResult", log);
        }
        text.push_str("\"Payload\":");
        text.push_str(payload);
        text.push_str(",\"SdkHttpMetadata\":{\"AllHttpHeaders\":{");
        self.write_headers(&mut text, "[", "]");
        text.push_str("},\"HttpHeaders\":{");
        self.write_headers(&mut text, "", "");
        let request_id = Value::from(self.request_id.as_str());
        let rest = write!(
            text,
            "}},\"HttpStatusCode\":{status}}},\"SdkResponseMetadata\":{{\"RequestId\":{request_id}}},\"StatusCode\":{status}}}",
            status = self.status
        );
        rest.expect("writing to memory does not fail");
        Payload::from_validated(Bytes::from(text))
    }

    fn write_headers(&self, text: &mut String, open: &str, close: &str) {
        for (index, (name, value)) in self.headers.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            write_text(text, name);
            text.push(':');
            text.push_str(open);
            write_text(text, value);
            text.push_str(close);
        }
    }
}

fn write_member(text: &mut String, name: &str, value: &str) {
    write_text(text, name);
    text.push(':');
    write_text(text, value);
    text.push(',');
}

/// A JSON string.
fn write_text(text: &mut String, value: &str) {
    let is_plain = value.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
    if is_plain {
        text.push('"');
        text.push_str(value);
        text.push('"');
    } else {
        text.push_str(&Value::from(value).to_string());
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn http_date(at: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn trace_id(at: Timestamp, random: &mut Random) -> String {
    let (seconds, high, low, parent) = (at / 1000, random.next_u64() as u32, random.next_u64(), random.next_u64());
    format!("Root=1-{seconds:08x}-{high:08x}{low:016x};Parent={parent:016x};Sampled=0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problem(parameters: Value) -> String {
        let parameters = Payload::from_value(parameters);
        let failure = InvokeRequest::parse(&parameters).expect_err("the parameters are wrong");
        assert_eq!(failure.error.as_deref(), Some("States.Runtime"));
        failure.cause.expect("a failure has a cause").to_string()
    }

    #[test]
    fn parameters_are_understood() {
        let parameters =
            Payload::from_value(json!({"FunctionName": "f:PROD", "Payload": {"a": 1.0}, "LogType": "Tail", "InvocationType": "Event"}));
        let request = InvokeRequest::parse(&parameters).expect("the parameters are right");
        assert_eq!((request.function.name, request.qualifier, request.log_tail), ("f", Some("PROD"), true));
        assert_eq!(request.invocation_type, InvocationType::Event);
        assert_eq!(request.event(), "{\"a\":1.0}");
    }

    #[test]
    fn a_string_of_json_text_is_handed_on_as_it_is() {
        for (payload, event) in [("0", "0"), ("{\"a\": 1}", "{\"a\": 1}"), ("true", "true"), ("no json", "\"no json\"")] {
            let parameters = Payload::from_value(json!({"FunctionName": "f", "Payload": payload}));
            assert_eq!(InvokeRequest::parse(&parameters).expect("a string is a payload").event(), event);
        }
    }

    #[test]
    fn no_payload_is_an_empty_object_for_the_function() {
        for parameters in [json!({"FunctionName": "f"}), json!({"FunctionName": "f", "Payload": null})] {
            let parameters = Payload::from_value(parameters);
            assert_eq!(InvokeRequest::parse(&parameters).expect("the parameters are right").event(), "{}");
        }
    }

    #[test]
    fn wrong_parameters_are_named() {
        let text = problem(json!({"Payload": 1}));
        assert_eq!(
            text,
            "The Parameters '{\"Payload\":1}' could not be used to start the Task: [The field 'FunctionName' is required but was missing]"
        );
        assert!(problem(json!({"FunctionName": "f", "Colour": 1})).contains("The field 'Colour' is not supported by Step Functions"));
        assert!(problem(json!({"FunctionName": 1})).contains("The value of the field 'FunctionName' has an invalid format"));
        assert!(problem(json!([])).contains("'Parameters'"));
    }

    #[test]
    fn the_result_has_the_recorded_shape() {
        let payload = Payload::from_value(json!({"ok": true}));
        let mut random = Random::from_seed(1);
        let result = InvokeResult::of_worker(200, Some(payload), Some("$LATEST".to_owned()), None, 784_111_777_000, &mut random);
        let value = result.into_payload();
        let value = value.value();
        let keys: Vec<_> = value.as_object().expect("the result is an object").keys().collect();
        assert_eq!(keys, ["ExecutedVersion", "Payload", "SdkHttpMetadata", "SdkResponseMetadata", "StatusCode"]);
        assert_eq!(value["Payload"], json!({"ok": true}));
        let metadata = &value["SdkHttpMetadata"];
        assert_eq!(metadata["HttpHeaders"]["Date"], "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(metadata["AllHttpHeaders"]["Content-Length"], json!(["11"]));
        assert_eq!(metadata["HttpStatusCode"], 200);
        assert_eq!(metadata["HttpHeaders"]["x-amzn-RequestId"], value["SdkResponseMetadata"]["RequestId"]);
    }
}
