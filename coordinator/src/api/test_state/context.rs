//! `context`: a Context Object of the caller's.

use baton_asl::{Pattern, Resource, StateKind};
use baton_engine::Payload;
use serde_json::{Map, Value};

use super::refusal::{ContextError, Refusal};
use super::request::Request;
use super::subject::Tested;
use crate::api::json_payload;

/// What a field of the Context Object may be.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    Any,
}

/// The objects of the Context Object, and their fields.
const OBJECTS: [(&str, &[(&str, Kind)]); 4] = [
    (
        "Execution",
        &[
            ("Id", Kind::Text),
            ("Input", Kind::Any),
            ("Name", Kind::Text),
            ("RoleArn", Kind::Text),
            ("StartTime", Kind::Text),
            ("RedriveCount", Kind::Number),
            ("RedriveTime", Kind::Text),
        ],
    ),
    ("State", &[("EnteredTime", Kind::Text), ("Name", Kind::Text), ("RetryCount", Kind::Number)]),
    ("StateMachine", &[("Id", Kind::Text), ("Name", Kind::Text)]),
    ("Task", &[("Token", Kind::Text)]),
];

/// The Context Object, checked. There is one only beside a mock, which has been checked before.
pub(super) fn check(request: &Request, tested: Tested<'_>) -> Result<Option<Payload>, Refusal> {
    let Some(text) = &request.context else { return Ok(None) };
    let context = json_payload(text.clone()).map_err(|_| Refusal::Context(ContextError::NotObject))?;
    check_object(context.value(), has_task_token(tested)).map_err(Refusal::Context)?;
    Ok(Some(context))
}

fn check_object(context: &Value, has_task_token: bool) -> Result<(), ContextError> {
    let Value::Object(objects) = context else { return Err(ContextError::NotObject) };
    for (name, object) in objects {
        match name.as_str() {
            "Map" => return Err(ContextError::HasMap),
            "Task" if !has_task_token => return Err(ContextError::HasTask),
            _ => {}
        }
        let Some((_, fields)) = OBJECTS.iter().find(|(known, _)| known == name) else {
            return Err(ContextError::NotAllowed(name.clone()));
        };
        let Value::Object(members) = object else { return Err(ContextError::WrongType(name.clone(), "an object")) };
        check_fields(name, members, fields)?;
    }
    Ok(())
}

fn check_fields(object: &str, members: &Map<String, Value>, fields: &[(&str, Kind)]) -> Result<(), ContextError> {
    for (name, value) in members {
        let Some((_, kind)) = fields.iter().find(|(known, _)| known == name) else {
            return Err(ContextError::NotAllowed(name.clone()));
        };
        let (fits, expected) = match kind {
            Kind::Text => (value.is_string(), "a string"),
            Kind::Number => (value.is_number(), "a number"),
            Kind::Any => (true, ""),
        };
        if !fits {
            return Err(ContextError::WrongType(format!("{object}.{name}"), expected));
        }
    }
    Ok(())
}

fn has_task_token(tested: Tested<'_>) -> bool {
    let StateKind::Task(task) = &tested.state.kind else { return false };
    match &task.resource {
        Resource::Function { .. } | Resource::Activity { .. } => false,
        Resource::Integration(integration) => match integration.pattern {
            Pattern::RequestResponse => false,
            Pattern::Sync | Pattern::Sync2 | Pattern::WaitForTaskToken => true,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_no_context_object_is_named() {
        let text = |context: Value| check_object(&context, false).map_err(|error| error.to_string());
        assert_eq!(text(json!({"Execution": {"Input": [1]}, "State": {"RetryCount": 0}, "StateMachine": {}})), Ok(()));
        assert_eq!(text(json!({"Execution": {"Name": {}}})), Err("Execution.Name must be a string".to_owned()));
        assert_eq!(text(json!({"State": {"Colour": 1}})), Err("Field 'Colour' is not allowed".to_owned()));
        assert_eq!(text(json!({"State": 1})), Err("State must be an object".to_owned()));
        assert_eq!(text(json!([])), Err("it must be a JSON object".to_owned()));
        assert_eq!(check_object(&json!({"Task": {}}), false), Err(ContextError::HasTask));
        assert_eq!(check_object(&json!({"Task": {"Token": "t"}}), true), Ok(()));
    }
}
