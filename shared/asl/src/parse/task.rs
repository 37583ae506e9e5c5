//! Task states.

use super::cursor::Cursor;
use super::scalar::MAX_SECONDS;
use super::template::Reserved;
use super::{Context, Parsed, Parser};
use crate::message;
use crate::model::{IntegerField, QueryLanguage, Resource, Task};

impl Parser<'_> {
    pub(crate) fn task(&mut self, state: &Cursor<'_>, context: Context) -> Parsed<Task> {
        let required = self.check_required(state, &["Resource"]);
        let resource = state.get("Resource").map(|resource| self.resource(&resource)).transpose();
        let parameters = match (&resource, state.get("Resource")) {
            (Ok(Some(Resource::Integration(integration))), Some(cursor)) => {
                self.integration_parameters(state, &cursor, integration, context.language)
            }
            _ => Ok(()),
        };
        let range = [1, MAX_SECONDS];
        let timeout = self.integer_field(state, context, ["TimeoutSeconds", "TimeoutSecondsPath"], range);
        let heartbeat = self.integer_field(state, context, ["HeartbeatSeconds", "HeartbeatSecondsPath"], range);
        let is_activity = matches!(resource, Ok(Some(Resource::Activity { .. })));
        let credentials = state.get("Credentials");
        let credentials = credentials.map(|credentials| self.credentials(&credentials, context, is_activity)).transpose();
        required?;
        parameters?;
        let task =
            Task { resource: resource?.expect("required above"), timeout: timeout?, heartbeat: heartbeat?, credentials: credentials? };
        self.check_heartbeat(state, &task)?;
        Ok(task)
    }

    /// A task that never breathes within its time would always time out.
    fn check_heartbeat(&mut self, state: &Cursor<'_>, task: &Task) -> Parsed<()> {
        let (Some(IntegerField::Literal(timeout)), Some(IntegerField::Literal(heartbeat))) = (&task.timeout, &task.heartbeat) else {
            return Ok(());
        };
        if heartbeat < timeout {
            return Ok(());
        }
        let cursor = state.get("HeartbeatSeconds").expect("a literal heartbeat is given");
        Err(self.error(&cursor, message::HEARTBEAT_TOO_LONG))
    }

    fn credentials(&mut self, credentials: &Cursor<'_>, context: Context, is_activity: bool) -> Parsed<baton_query::PayloadTemplate> {
        if is_activity {
            return Err(self.error(credentials, message::ACTIVITY_CREDENTIALS));
        }
        let is_expression = context.language == QueryLanguage::Jsonata && credentials.node.text().is_some();
        if !is_expression {
            self.object(credentials)?;
            let is_computed = context.language == QueryLanguage::JsonPath && credentials.has("RoleArn.$");
            if !credentials.has("RoleArn") && !is_computed {
                return Err(self.error(credentials, message::required_inside("RoleArn")));
            }
        }
        self.template(credentials, context, Reserved::NONE)
    }
}
