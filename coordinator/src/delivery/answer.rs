//! What an endpoint answers, read as Step Functions reads Lambda's answers.

use baton_engine::{Input, Payload, TaskRef};
use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

use super::request::{Form, FunctionCall};
use crate::aws::{Answer, NoAnswer};
use crate::dispatch::{InvokeResult, Random, compacted, payload_of};
use crate::lambda_error;

/// What comes of the call for its task.
pub(super) fn read(task: TaskRef, call: &FunctionCall, answer: Result<Answer, NoAnswer>, random: &mut Random) -> Input {
    let failed = |(error, cause): (String, String)| Input::TaskFailed { task, error: Some(error.into()), cause: Some(cause.into()) };
    let answer = match answer {
        Ok(answer) => answer,
        Err(NoAnswer(cause)) => return failed((lambda_error::SDK_CLIENT_EXCEPTION.to_owned(), cause)),
    };
    if !answer.status.is_success() {
        return failed(service_error(&answer, random));
    }
    if answer.headers.contains_key("x-amz-function-error") {
        return failed(function_error(call.form, &answer.body));
    }
    match call.form {
        Form::Direct => Input::TaskSucceeded { task, output: output(&answer.body).unwrap_or_else(empty) },
        Form::Invoke => Input::TaskSucceeded { task, output: invoked(&answer, random) },
        Form::Callback => Input::TaskSubmitted { task, output: invoked(&answer, random) },
    }
}

/// The function itself has failed: its own words, as it wrote them or without space between the tokens.
fn function_error(form: Form, body: &Bytes) -> (String, String) {
    let text = String::from_utf8_lossy(body).into_owned();
    let document: Option<Value> = serde_json::from_slice(body).ok();
    let error = document.as_ref().and_then(|document| document.get("errorType")).and_then(Value::as_str).filter(|error| !error.is_empty());
    let shown = match form {
        Form::Direct => text,
        Form::Invoke | Form::Callback => compacted(&text).unwrap_or(text),
    };
    match error {
        Some(error) => (error.to_owned(), shown),
        None => {
            let cause = "The cause could not be determined because Lambda did not return an error type.";
            (lambda_error::UNKNOWN.to_owned(), format!("{cause} Returned payload: {shown}"))
        }
    }
}

/// Lambda has refused: the error as the SDK of the service integration names and tells it.
fn service_error(answer: &Answer, random: &mut Random) -> (String, String) {
    let code = header(&answer.headers, "x-amzn-errortype").map(|code| code.split(':').next().unwrap_or_default().to_owned());
    let code = code.filter(|code| !code.is_empty()).unwrap_or_else(|| {
        let code = match answer.status.as_u16() {
            404 => "ResourceNotFoundException",
            429 => "TooManyRequestsException",
            500.. => "ServiceException",
            _ => "AWSLambdaException",
        };
        code.to_owned()
    });
    let document: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let message =
        document.as_ref().and_then(|document| document.get("Message").or_else(|| document.get("message"))).and_then(Value::as_str);
    let message = message.map_or_else(|| String::from_utf8_lossy(&answer.body).into_owned(), str::to_owned);
    let (status, request_id) = (answer.status.as_u16(), request_id(&answer.headers, random));
    let cause = format!("{message} (Service: AWSLambda; Status Code: {status}; Error Code: {code}; Request ID: {request_id}; Proxy: null)");
    (format!("Lambda.{code}"), cause)
}

fn invoked(answer: &Answer, random: &mut Random) -> Payload {
    let text = |name: &str| header(&answer.headers, name).map(str::to_owned);
    let result = InvokeResult {
        status: answer.status.as_u16(),
        payload: output(&answer.body),
        executed_version: text("x-amz-executed-version"),
        log_result: text("x-amz-log-result"),
        request_id: request_id(&answer.headers, random),
        headers: answer
            .headers
            .iter()
            .filter_map(|(name, value)| Some((spelled(name.as_str()), value.to_str().ok()?.to_owned())))
            .collect(),
    };
    result.into_payload()
}

/// The function's output; none where nothing was waited for. An answer that is no JSON is a text.
fn output(body: &Bytes) -> Option<Payload> {
    if body.is_empty() {
        return None;
    }
    let text = || Payload::from_value(Value::from(String::from_utf8_lossy(body).into_owned()));
    Some(payload_of(body.clone()).unwrap_or_else(|_| text()))
}

fn empty() -> Payload {
    Payload::from_value(Value::from(""))
}

fn request_id(headers: &HeaderMap, random: &mut Random) -> String {
    header(headers, "x-amzn-requestid").map_or_else(|| random.uuid().to_string(), str::to_owned)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Headers as Lambda spells them.
fn spelled(name: &str) -> String {
    const SPELLED: [&str; 9] = [
        "Connection",
        "Content-Length",
        "Content-Type",
        "Date",
        "X-Amz-Executed-Version",
        "X-Amz-Log-Result",
        "x-amzn-Remapped-Content-Length",
        "x-amzn-RequestId",
        "X-Amzn-Trace-Id",
    ];
    SPELLED.iter().find(|spelled| spelled.eq_ignore_ascii_case(name)).map_or(name, |spelled| spelled).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::InvocationType;
    use http::{HeaderValue, StatusCode};

    const TASK: TaskRef = TaskRef { entry: 2, attempt: 1 };

    fn call(form: Form) -> FunctionCall {
        FunctionCall {
            function: "f".to_owned(),
            qualifier: None,
            body: Bytes::new(),
            invocation_type: InvocationType::RequestResponse,
            log_tail: false,
            client_context: None,
            trace_header: None,
            region: "us-east-1".to_owned(),
            form,
            deadline: None,
        }
    }

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Result<Answer, NoAnswer> {
        let headers = headers.iter().map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
        let status = StatusCode::from_u16(status).expect("a status");
        Ok(Answer { status, headers, body: Bytes::from_static(body.as_bytes()) })
    }

    fn check_failed(form: Form, answer: Result<Answer, NoAnswer>, error: &str, cause: &str) {
        match read(TASK, &call(form), answer, &mut Random::from_seed(1)) {
            Input::TaskFailed { error: Some(found), cause: Some(found_cause), .. } => {
                assert_eq!((&*found, &*found_cause), (error, cause));
            }
            other => panic!("not a failure: {other:?}"),
        }
    }

    fn succeeded(form: Form, answer: Result<Answer, NoAnswer>) -> Payload {
        match read(TASK, &call(form), answer, &mut Random::from_seed(1)) {
            Input::TaskSucceeded { output, .. } | Input::TaskSubmitted { output, .. } => output,
            other => panic!("not a result: {other:?}"),
        }
    }

    #[test]
    fn outputs_are_shown_alone_or_in_the_services_response() {
        assert_eq!(succeeded(Form::Direct, answer(200, &[], "[1, 2]")).text(), "[1,2]");
        let headers = [("x-amz-executed-version", "$LATEST"), ("x-amzn-requestid", "r-1"), ("content-type", "application/json")];
        let invoked = succeeded(Form::Invoke, answer(200, &headers, "{\"a\": 1}"));
        let value = invoked.value();
        assert_eq!((&value["Payload"]["a"], &value["ExecutedVersion"]), (&Value::from(1), &Value::from("$LATEST")));
        assert_eq!(value["SdkResponseMetadata"]["RequestId"], "r-1");
        assert_eq!(value["SdkHttpMetadata"]["HttpHeaders"]["Content-Type"], "application/json");
        assert_eq!(succeeded(Form::Invoke, answer(202, &[], "")).value()["StatusCode"], 202);
        assert_eq!(succeeded(Form::Direct, answer(200, &[], "no JSON")).text(), "\"no JSON\"");
    }

    #[test]
    fn errors_of_functions_keep_their_words() {
        let body = "{\"errorMessage\": \"x\", \"errorType\": \"MyError\"}";
        let header = [("x-amz-function-error", "Unhandled")];
        check_failed(Form::Direct, answer(200, &header, body), "MyError", body);
        check_failed(Form::Invoke, answer(200, &header, body), "MyError", "{\"errorMessage\":\"x\",\"errorType\":\"MyError\"}");
        let cause =
            "The cause could not be determined because Lambda did not return an error type. Returned payload: {\"errorMessage\":\"late\"}";
        check_failed(Form::Invoke, answer(200, &header, "{\"errorMessage\": \"late\"}"), "Lambda.Unknown", cause);
    }

    #[test]
    fn refusals_are_told_as_the_sdk_does() {
        let headers = [("x-amzn-errortype", "ResourceNotFoundException"), ("x-amzn-requestid", "r-1")];
        let body = "{\"Type\":\"User\",\"Message\":\"Function not found: arn:f:$LATEST\"}";
        let cause = "Function not found: arn:f:$LATEST (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: r-1; Proxy: null)";
        check_failed(Form::Invoke, answer(404, &headers, body), "Lambda.ResourceNotFoundException", cause);
        let id = [("x-amzn-requestid", "r")];
        let cause = |status: u16, code: &str| {
            format!("m (Service: AWSLambda; Status Code: {status}; Error Code: {code}; Request ID: r; Proxy: null)")
        };
        check_failed(Form::Direct, answer(429, &id, "m"), "Lambda.TooManyRequestsException", &cause(429, "TooManyRequestsException"));
        check_failed(Form::Direct, answer(503, &id, "m"), "Lambda.ServiceException", &cause(503, "ServiceException"));
        check_failed(Form::Direct, Err(NoAnswer("no".to_owned())), "Lambda.SdkClientException", "no");
    }
}
