//! The few calls of the Step Functions API that the load and its checks need.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::{Answer, Connection, Endpoint, HttpError, Request};

/// Events per page of a history; AWS's maximum.
const PAGE_LEN: u32 = 1000;
/// No history has more events.
const HISTORY_LEN_MAX: usize = 25_000;

/// Why a call did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("{code}: {message} (HTTP {status})")]
    Aws { status: u16, code: String, message: String },
    #[error("an answer that is not of the API's shape: {0}")]
    Shape(String),
}

impl ApiError {
    /// The error that an answer other than 200 stands for.
    pub(crate) fn from_answer(answer: &Answer<'_>) -> Self {
        let body: Value = serde_json::from_slice(answer.body).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let code = text("__type").map(|code| code.rsplit('#').next().unwrap_or_default().to_owned());
        let raw = || String::from_utf8_lossy(answer.body).chars().take(200).collect();
        Self::Aws {
            status: answer.status,
            code: code.unwrap_or_else(|| "NoErrorCode".to_owned()),
            message: text("message").or_else(|| text("Message")).unwrap_or_else(raw),
        }
    }

    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Aws { code, .. } => Some(code),
            Self::Http(_) | Self::Shape(_) => None,
        }
    }

    /// Whether the same request may succeed in a moment: the network's errors, overload, and a server that is on its way up or down.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Http(HttpError::Protocol(_)) | Self::Shape(_) => false,
            Self::Http(_) => true,
            Self::Aws { status, code, .. } => *status >= 500 || *status == 429 || code == "ThrottlingException",
        }
    }
}

/// What DescribeExecution answers, as far as it is looked at. Dates are epoch seconds.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Execution {
    pub(crate) status: String,
    pub(crate) start_date: f64,
    pub(crate) stop_date: Option<f64>,
    pub(crate) output: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
}

impl Execution {
    pub(crate) fn read(answer: &Answer<'_>) -> Result<Self, ApiError> {
        if answer.status != 200 {
            return Err(ApiError::from_answer(answer));
        }
        serde_json::from_slice(answer.body).map_err(|error| ApiError::Shape(error.to_string()))
    }
}

/// One event of a history, with its type's details still in JSON.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HistoryEvent {
    pub(crate) id: u64,
    pub(crate) previous_event_id: u64,
    /// Epoch seconds.
    #[serde(default)]
    pub(crate) timestamp: f64,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(flatten)]
    pub(crate) details: serde_json::Map<String, Value>,
}

impl HistoryEvent {
    /// A text field of the event's details, whatever their name.
    pub(crate) fn detail(&self, field: &str) -> Option<&str> {
        self.details.values().find_map(|details| details.get(field)).and_then(Value::as_str)
    }
}

/// A client for everything that is not hot.
#[derive(Debug)]
pub(crate) struct Api {
    endpoint: Endpoint,
    connection: Connection,
}

impl Api {
    pub(crate) fn new(endpoint: &Endpoint) -> Self {
        Self { endpoint: endpoint.clone(), connection: Connection::new(endpoint) }
    }

    async fn call(&mut self, operation: &str, body: Value) -> Result<Value, ApiError> {
        let request = Request::aws(&self.endpoint, operation, &body);
        let answer = self.connection.exchange(request.bytes()).await?;
        if answer.status != 200 {
            return Err(ApiError::from_answer(&answer));
        }
        serde_json::from_slice(answer.body).map_err(|error| ApiError::Shape(error.to_string()))
    }

    /// Makes the state machine, or gives the one of that name the definition; its ARN.
    pub(crate) async fn put_state_machine(&mut self, name: &str, definition: &str, express: bool) -> Result<String, ApiError> {
        let role = "arn:aws:iam::123456789012:role/loadtest";
        let kind = if express { "EXPRESS" } else { "STANDARD" };
        let created = self.call("CreateStateMachine", json!({"name": name, "definition": definition, "roleArn": role, "type": kind})).await;
        match created {
            Ok(answer) => text(&answer, "stateMachineArn"),
            Err(error) if error.code() == Some("StateMachineAlreadyExists") => self.update_state_machine(name, definition).await,
            Err(error) => Err(error),
        }
    }

    async fn update_state_machine(&mut self, name: &str, definition: &str) -> Result<String, ApiError> {
        let arn = self.state_machine_arn(name).await?;
        self.call("UpdateStateMachine", json!({"stateMachineArn": arn, "definition": definition})).await?;
        Ok(arn)
    }

    async fn state_machine_arn(&mut self, name: &str) -> Result<String, ApiError> {
        let mut page = json!({"maxResults": PAGE_LEN});
        loop {
            let answer = self.call("ListStateMachines", page).await?;
            let machines = answer["stateMachines"].as_array().ok_or_else(|| ApiError::Shape("no stateMachines".to_owned()))?;
            if let Some(machine) = machines.iter().find(|machine| machine["name"] == name) {
                return text(machine, "stateMachineArn");
            }
            let token = answer.get("nextToken").ok_or_else(|| ApiError::Shape(format!("{name} exists and is not listed")))?;
            page = json!({"maxResults": PAGE_LEN, "nextToken": token});
        }
    }

    /// StartSyncExecution; how the execution ended.
    pub(crate) async fn start_sync_execution(&mut self, state_machine_arn: &str, name: &str, input: &str) -> Result<Execution, ApiError> {
        let body = json!({"stateMachineArn": state_machine_arn, "name": name, "input": input});
        let answer = self.call("StartSyncExecution", body).await?;
        serde_json::from_value(answer).map_err(|error| ApiError::Shape(error.to_string()))
    }

    /// How many executions have ended with this status since the server began, by its metrics.
    pub(crate) async fn ended(&mut self, status: &str) -> Result<u64, ApiError> {
        let request = Request::get(&self.endpoint, "/metrics");
        let answer = self.connection.exchange(request.bytes()).await?;
        let metrics = String::from_utf8_lossy(answer.body).into_owned();
        let label = format!("status=\"{status}\"");
        let of_status = metrics.lines().filter(|line| line.starts_with("baton_executions_total{") && line.contains(&label));
        let count = |line: &str| line.rsplit(' ').next()?.parse::<u64>().ok();
        of_status.map(|line| count(line).ok_or_else(|| ApiError::Shape(line.to_owned()))).sum()
    }

    /// `GET` of something that is JSON, `/health` say.
    pub(crate) async fn get_json(&mut self, path: &str) -> Result<Value, ApiError> {
        let request = Request::get(&self.endpoint, path);
        let answer = self.connection.exchange(request.bytes()).await?;
        serde_json::from_slice(answer.body).map_err(|error| ApiError::Shape(error.to_string()))
    }

    pub(crate) async fn start_execution(&mut self, state_machine_arn: &str, name: &str, input: &str) -> Result<String, ApiError> {
        let answer = self.call("StartExecution", json!({"stateMachineArn": state_machine_arn, "name": name, "input": input})).await?;
        text(&answer, "executionArn")
    }

    /// A page of the ARNs of a state machine's executions, and what the next one begins with.
    pub(crate) async fn list_executions(
        &mut self,
        state_machine_arn: &str,
        next: Option<String>,
    ) -> Result<(Vec<String>, Option<String>), ApiError> {
        let mut request = json!({"stateMachineArn": state_machine_arn, "maxResults": PAGE_LEN});
        if let Some(next) = next {
            request["nextToken"] = next.into();
        }
        let answer = self.call("ListExecutions", request).await?;
        let executions = answer["executions"].as_array().ok_or_else(|| ApiError::Shape("no executions".to_owned()))?;
        let arns = executions.iter().map(|execution| text(execution, "executionArn")).collect::<Result<_, _>>()?;
        Ok((arns, answer["nextToken"].as_str().map(str::to_owned)))
    }

    pub(crate) async fn describe_execution(&mut self, arn: &str) -> Result<Execution, ApiError> {
        let answer = self.call("DescribeExecution", json!({"executionArn": arn})).await?;
        serde_json::from_value(answer).map_err(|error| ApiError::Shape(error.to_string()))
    }

    pub(crate) async fn redrive_execution(&mut self, execution_arn: &str) -> Result<(), ApiError> {
        self.call("RedriveExecution", json!({"executionArn": execution_arn})).await.map(drop)
    }

    /// ARNs of the execution's Map Runs, the latest first.
    pub(crate) async fn map_runs(&mut self, execution_arn: &str) -> Result<Vec<String>, ApiError> {
        let answer = self.call("ListMapRuns", json!({"executionArn": execution_arn, "maxResults": PAGE_LEN})).await?;
        let runs = answer["mapRuns"].as_array().ok_or_else(|| ApiError::Shape("no mapRuns".to_owned()))?;
        runs.iter().map(|run| text(run, "mapRunArn")).collect()
    }

    /// DescribeMapRun's answer.
    pub(crate) async fn describe_map_run(&mut self, map_run_arn: &str) -> Result<Value, ApiError> {
        self.call("DescribeMapRun", json!({"mapRunArn": map_run_arn})).await
    }

    /// The execution as soon as it has ended, or as it is after `seconds`.
    pub(crate) async fn wait_for_execution(&mut self, arn: &str, seconds: u32) -> Result<Execution, ApiError> {
        let request = Request::wait(&self.endpoint, arn, seconds);
        Execution::read(&self.connection.exchange(request.bytes()).await?)
    }

    /// The whole history, page by page.
    pub(crate) async fn history(&mut self, arn: &str) -> Result<Vec<HistoryEvent>, ApiError> {
        let mut events = Vec::new();
        let mut request = json!({"executionArn": arn, "maxResults": PAGE_LEN});
        loop {
            let mut answer = self.call("GetExecutionHistory", request).await?;
            let page: Vec<HistoryEvent> =
                serde_json::from_value(answer["events"].take()).map_err(|error| ApiError::Shape(error.to_string()))?;
            events.extend(page);
            let Some(token) = answer.get("nextToken").filter(|token| !token.is_null()) else {
                return Ok(events);
            };
            if events.len() > HISTORY_LEN_MAX {
                return Err(ApiError::Shape(format!("a history of more than {HISTORY_LEN_MAX} events")));
            }
            request = json!({"executionArn": arn, "maxResults": PAGE_LEN, "nextToken": token});
        }
    }
}

fn text(answer: &Value, field: &str) -> Result<String, ApiError> {
    answer[field].as_str().map(str::to_owned).ok_or_else(|| ApiError::Shape(format!("no {field}")))
}
