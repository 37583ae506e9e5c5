//! The operations of the service model, by name.

/// An operation of Step Functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names are AWS's own")]
pub enum Operation {
    StartExecution,
    DescribeExecution,
    GetExecutionHistory,
    GetActivityTask,
    SendTaskSuccess,
    SendTaskFailure,
    SendTaskHeartbeat,
    ListExecutions,
    StopExecution,
    CreateActivity,
    CreateStateMachine,
    CreateStateMachineAlias,
    DeleteActivity,
    DeleteStateMachine,
    DeleteStateMachineAlias,
    DeleteStateMachineVersion,
    DescribeActivity,
    DescribeMapRun,
    DescribeStateMachine,
    DescribeStateMachineAlias,
    DescribeStateMachineForExecution,
    ListActivities,
    ListMapRuns,
    ListStateMachineAliases,
    ListStateMachineVersions,
    ListStateMachines,
    ListTagsForResource,
    PublishStateMachineVersion,
    RedriveExecution,
    StartSyncExecution,
    TagResource,
    TestState,
    UntagResource,
    UpdateMapRun,
    UpdateStateMachine,
    UpdateStateMachineAlias,
    ValidateStateMachineDefinition,
}

impl Operation {
    /// All of them. Those that are called all the time come first, since [`parse`](Self::parse) looks from the front.
    pub const ALL: [Operation; 37] = [
        Operation::StartExecution,
        Operation::DescribeExecution,
        Operation::GetExecutionHistory,
        Operation::GetActivityTask,
        Operation::SendTaskSuccess,
        Operation::SendTaskFailure,
        Operation::SendTaskHeartbeat,
        Operation::ListExecutions,
        Operation::StopExecution,
        Operation::CreateActivity,
        Operation::CreateStateMachine,
        Operation::CreateStateMachineAlias,
        Operation::DeleteActivity,
        Operation::DeleteStateMachine,
        Operation::DeleteStateMachineAlias,
        Operation::DeleteStateMachineVersion,
        Operation::DescribeActivity,
        Operation::DescribeMapRun,
        Operation::DescribeStateMachine,
        Operation::DescribeStateMachineAlias,
        Operation::DescribeStateMachineForExecution,
        Operation::ListActivities,
        Operation::ListMapRuns,
        Operation::ListStateMachineAliases,
        Operation::ListStateMachineVersions,
        Operation::ListStateMachines,
        Operation::ListTagsForResource,
        Operation::PublishStateMachineVersion,
        Operation::RedriveExecution,
        Operation::StartSyncExecution,
        Operation::TagResource,
        Operation::TestState,
        Operation::UntagResource,
        Operation::UpdateMapRun,
        Operation::UpdateStateMachine,
        Operation::UpdateStateMachineAlias,
        Operation::ValidateStateMachineDefinition,
    ];

    /// The operation of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.name() == name)
    }

    /// Whether it changes what the catalog keeps.
    pub fn changes_catalog(self) -> bool {
        match self {
            Operation::CreateActivity
            | Operation::CreateStateMachine
            | Operation::CreateStateMachineAlias
            | Operation::DeleteActivity
            | Operation::DeleteStateMachine
            | Operation::DeleteStateMachineAlias
            | Operation::DeleteStateMachineVersion
            | Operation::PublishStateMachineVersion
            | Operation::TagResource
            | Operation::UntagResource
            | Operation::UpdateStateMachine
            | Operation::UpdateStateMachineAlias => true,
            Operation::StartExecution
            | Operation::DescribeExecution
            | Operation::GetExecutionHistory
            | Operation::GetActivityTask
            | Operation::SendTaskSuccess
            | Operation::SendTaskFailure
            | Operation::SendTaskHeartbeat
            | Operation::ListExecutions
            | Operation::StopExecution
            | Operation::DescribeActivity
            | Operation::DescribeMapRun
            | Operation::DescribeStateMachine
            | Operation::DescribeStateMachineAlias
            | Operation::DescribeStateMachineForExecution
            | Operation::ListActivities
            | Operation::ListMapRuns
            | Operation::ListStateMachineAliases
            | Operation::ListStateMachineVersions
            | Operation::ListStateMachines
            | Operation::ListTagsForResource
            | Operation::RedriveExecution
            | Operation::StartSyncExecution
            | Operation::TestState
            | Operation::UpdateMapRun
            | Operation::ValidateStateMachineDefinition => false,
        }
    }

    /// Its name, as in `X-Amz-Target`.
    pub fn name(self) -> &'static str {
        match self {
            Operation::StartExecution => "StartExecution",
            Operation::DescribeExecution => "DescribeExecution",
            Operation::GetExecutionHistory => "GetExecutionHistory",
            Operation::GetActivityTask => "GetActivityTask",
            Operation::SendTaskSuccess => "SendTaskSuccess",
            Operation::SendTaskFailure => "SendTaskFailure",
            Operation::SendTaskHeartbeat => "SendTaskHeartbeat",
            Operation::ListExecutions => "ListExecutions",
            Operation::StopExecution => "StopExecution",
            Operation::CreateActivity => "CreateActivity",
            Operation::CreateStateMachine => "CreateStateMachine",
            Operation::CreateStateMachineAlias => "CreateStateMachineAlias",
            Operation::DeleteActivity => "DeleteActivity",
            Operation::DeleteStateMachine => "DeleteStateMachine",
            Operation::DeleteStateMachineAlias => "DeleteStateMachineAlias",
            Operation::DeleteStateMachineVersion => "DeleteStateMachineVersion",
            Operation::DescribeActivity => "DescribeActivity",
            Operation::DescribeMapRun => "DescribeMapRun",
            Operation::DescribeStateMachine => "DescribeStateMachine",
            Operation::DescribeStateMachineAlias => "DescribeStateMachineAlias",
            Operation::DescribeStateMachineForExecution => "DescribeStateMachineForExecution",
            Operation::ListActivities => "ListActivities",
            Operation::ListMapRuns => "ListMapRuns",
            Operation::ListStateMachineAliases => "ListStateMachineAliases",
            Operation::ListStateMachineVersions => "ListStateMachineVersions",
            Operation::ListStateMachines => "ListStateMachines",
            Operation::ListTagsForResource => "ListTagsForResource",
            Operation::PublishStateMachineVersion => "PublishStateMachineVersion",
            Operation::RedriveExecution => "RedriveExecution",
            Operation::StartSyncExecution => "StartSyncExecution",
            Operation::TagResource => "TagResource",
            Operation::TestState => "TestState",
            Operation::UntagResource => "UntagResource",
            Operation::UpdateMapRun => "UpdateMapRun",
            Operation::UpdateStateMachine => "UpdateStateMachine",
            Operation::UpdateStateMachineAlias => "UpdateStateMachineAlias",
            Operation::ValidateStateMachineDefinition => "ValidateStateMachineDefinition",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_found_by_its_name() {
        for (place, operation) in Operation::ALL.into_iter().enumerate() {
            assert_eq!(Operation::parse(operation.name()), Some(operation));
            assert_eq!(operation as usize, place);
        }
        assert_eq!(Operation::parse("startExecution"), None);
    }
}
