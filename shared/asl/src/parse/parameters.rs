//! What optimized integrations want in `Parameters` or `Arguments`, as far as that can be seen before the execution: that there
//! are any, that the fields without which no call makes sense are there, and that names are spelled in the case they need.

use super::cursor::Cursor;
use super::{Parsed, Parser};
use crate::diagnostic::Code;
use crate::message;
use crate::model::{Integration, QueryLanguage};

/// Fields of an action.
struct Action {
    service: &'static str,
    action: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
}

const ACTIONS: &[Action] = &[
    Action {
        service: "lambda",
        action: "invoke",
        required: &["FunctionName"],
        optional: &["Payload", "InvocationType", "ClientContext", "LogType", "Qualifier"],
    },
    Action {
        service: "sqs",
        action: "sendMessage",
        required: &["QueueUrl", "MessageBody"],
        optional: &["DelaySeconds", "MessageAttributes", "MessageDeduplicationId", "MessageGroupId"],
    },
    Action {
        service: "sns",
        action: "publish",
        required: &["Message"],
        optional: &[
            "MessageAttributes",
            "MessageDeduplicationId",
            "MessageGroupId",
            "MessageStructure",
            "PhoneNumber",
            "Subject",
            "TargetArn",
            "TopicArn",
        ],
    },
    Action { service: "dynamodb", action: "getItem", required: &["TableName", "Key"], optional: &[] },
    Action { service: "dynamodb", action: "putItem", required: &["TableName", "Item"], optional: &[] },
    Action { service: "states", action: "startExecution", required: &["StateMachineArn"], optional: &["Input", "Name", "TraceHeader"] },
    Action { service: "events", action: "putEvents", required: &["Entries"], optional: &[] },
    Action { service: "ecs", action: "runTask", required: &["TaskDefinition"], optional: &[] },
    Action { service: "glue", action: "startJobRun", required: &["JobName"], optional: &[] },
];

impl Parser<'_> {
    pub(crate) fn integration_parameters(
        &mut self,
        state: &Cursor<'_>,
        resource: &Cursor<'_>,
        integration: &Integration,
        language: QueryLanguage,
    ) -> Parsed<()> {
        let field = match language {
            QueryLanguage::JsonPath => "Parameters",
            QueryLanguage::Jsonata => "Arguments",
        };
        let Some(payload) = state.get(field) else {
            return Err(self.error(resource, message::payload_required(field, &integration.arn)));
        };
        let known = ACTIONS.iter().find(|known| known.service == &*integration.service && known.action == &*integration.action);
        match known {
            Some(known) if payload.node.object().is_some() => self.action_fields(&payload, known, language),
            Some(_) | None => Ok(()),
        }
    }

    fn action_fields(&mut self, payload: &Cursor<'_>, action: &Action, language: QueryLanguage) -> Parsed<()> {
        let mut outcome = Ok(());
        for (key, range, _) in payload.members() {
            let name = field_name(key, language);
            let mut fields = action.required.iter().chain(action.optional);
            let meant = fields.find(|field| field.eq_ignore_ascii_case(name) && **field != name);
            if let Some(meant) = meant {
                let (text, help) = (message::unsupported_parameter(name), crate::suggest::hint(meant));
                let location = payload.location();
                outcome = Err(self.report_at(Code::SchemaValidationFailed, text, location, range, Some(help)));
            }
        }
        for field in action.required {
            if !payload.members().any(|(key, _, _)| field_name(key, language) == *field) {
                outcome = Err(self.error(payload, message::required_inside(field)));
            }
        }
        outcome
    }
}

fn field_name(key: &str, language: QueryLanguage) -> &str {
    match language {
        QueryLanguage::JsonPath => key.strip_suffix(".$").unwrap_or(key),
        QueryLanguage::Jsonata => key,
    }
}
