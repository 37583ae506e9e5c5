//! The optimized integrations: which actions each service offers, and how their end can be learned of. SDK integrations are not
//! listed: AWS adds services every few weeks.

use crate::model::Pattern;

/// How the end of an action can be learned of, beside by its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Offer {
    action: &'static str,
    /// `.sync`
    sync: bool,
    /// `.sync:2`
    sync_2: bool,
    /// `.waitForTaskToken`
    callback: bool,
}

const fn responds(action: &'static str) -> Offer {
    Offer { action, sync: false, sync_2: false, callback: false }
}

const fn runs(action: &'static str) -> Offer {
    Offer { action, sync: true, sync_2: false, callback: false }
}

const fn calls_back(action: &'static str) -> Offer {
    Offer { action, sync: false, sync_2: false, callback: true }
}

const fn runs_or_calls_back(action: &'static str) -> Offer {
    Offer { action, sync: true, sync_2: false, callback: true }
}

/// By service, as in `arn:aws:states:::<service>:<action>`.
const OFFERS: &[(&str, &[Offer])] = &[
    ("apigateway", &[calls_back("invoke")]),
    ("athena", &[runs("startQueryExecution"), responds("stopQueryExecution"), responds("getQueryExecution"), responds("getQueryResults")]),
    ("batch", &[runs("submitJob")]),
    ("bedrock", &[calls_back("invokeModel"), runs("createModelCustomizationJob")]),
    ("bedrockagentcore", &[responds("invokeHarness")]),
    (
        "codebuild",
        &[
            runs("startBuild"),
            responds("stopBuild"),
            runs("startBuildBatch"),
            responds("stopBuildBatch"),
            responds("batchDeleteBuilds"),
            responds("batchGetReports"),
            responds("deleteBuildBatch"),
            runs("retryBuildBatch"),
        ],
    ),
    ("databrew", &[runs("startJobRun")]),
    ("dynamodb", &[responds("getItem"), responds("putItem"), responds("updateItem"), responds("deleteItem")]),
    ("ecs", &[runs_or_calls_back("runTask")]),
    (
        "eks",
        &[
            calls_back("call"),
            runs_or_calls_back("runJob"),
            runs_or_calls_back("createCluster"),
            runs_or_calls_back("deleteCluster"),
            runs_or_calls_back("createNodegroup"),
            runs_or_calls_back("deleteNodegroup"),
            runs_or_calls_back("createFargateProfile"),
            runs_or_calls_back("deleteFargateProfile"),
        ],
    ),
    (
        "elasticmapreduce",
        &[
            runs("createCluster"),
            runs("terminateCluster"),
            runs("addStep"),
            responds("cancelStep"),
            responds("setClusterTerminationProtection"),
            responds("modifyInstanceFleetByName"),
            responds("modifyInstanceGroupByName"),
        ],
    ),
    ("emr-containers", &[responds("createVirtualCluster"), runs("deleteVirtualCluster"), runs("startJobRun")]),
    (
        "emr-serverless",
        &[
            runs("createApplication"),
            runs("startApplication"),
            runs("stopApplication"),
            runs("deleteApplication"),
            runs("startJobRun"),
            runs("cancelJobRun"),
        ],
    ),
    ("events", &[calls_back("putEvents")]),
    ("glue", &[runs("startJobRun")]),
    ("http", &[responds("invoke")]),
    ("lambda", &[calls_back("invoke")]),
    ("mediaconvert", &[runs("createJob")]),
    (
        "sagemaker",
        &[
            runs("createTrainingJob"),
            runs("createTransformJob"),
            runs("createProcessingJob"),
            runs("createHyperParameterTuningJob"),
            runs("createLabelingJob"),
            responds("createModel"),
            responds("createEndpoint"),
            responds("createEndpointConfig"),
            responds("updateEndpoint"),
        ],
    ),
    ("sns", &[calls_back("publish")]),
    ("sqs", &[calls_back("sendMessage")]),
    ("states", &[Offer { action: "startExecution", sync: true, sync_2: true, callback: true }]),
];

/// Whether AWS knows this integration.
pub(crate) fn is_offered(service: &str, action: &str, pattern: Pattern) -> bool {
    if let Some(sdk_service) = service.strip_prefix("aws-sdk:") {
        return is_sdk_offered(sdk_service, action, pattern);
    }
    let offers = OFFERS.iter().find(|(name, _)| *name == service).map_or(&[][..], |(_, offers)| offers);
    let Some(offer) = offers.iter().find(|offer| offer.action == action) else { return false };
    match pattern {
        Pattern::RequestResponse => true,
        Pattern::Sync => offer.sync,
        Pattern::Sync2 => offer.sync_2,
        Pattern::WaitForTaskToken => offer.callback,
    }
}

/// SDK services are written as in the SDK for Java 2, lower case and without separators; actions in camel case.
fn is_sdk_offered(service: &str, action: &str, pattern: Pattern) -> bool {
    let is_service = !service.is_empty() && service.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let is_action = action.starts_with(|first: char| first.is_ascii_lowercase()) && action.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_pattern = match pattern {
        Pattern::RequestResponse | Pattern::WaitForTaskToken => true,
        Pattern::Sync | Pattern::Sync2 => false,
    };
    is_service && is_action && is_pattern
}

/// The integration that was probably meant, without its pattern.
pub(crate) fn nearest(service: &str, action: &str) -> Option<String> {
    let written = format!("{service}:{action}");
    let all: Vec<String> =
        OFFERS.iter().flat_map(|(service, offers)| offers.iter().map(move |offer| format!("{service}:{}", offer.action))).collect();
    let meant = crate::suggest::did_you_mean(&written, all.iter().map(String::as_str))?;
    (meant != written).then(|| meant.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_by_service() {
        use Pattern::{RequestResponse, Sync, Sync2, WaitForTaskToken};
        for (service, action, offered) in [
            ("lambda", "invoke", &[RequestResponse, WaitForTaskToken][..]),
            ("states", "startExecution", &[RequestResponse, Sync, Sync2, WaitForTaskToken]),
            ("ecs", "runTask", &[RequestResponse, Sync, WaitForTaskToken]),
            ("dynamodb", "getItem", &[RequestResponse]),
            ("dynamodb", "query", &[]),
            ("athena", "getQueryResults", &[RequestResponse]),
            ("batch", "submitJob", &[RequestResponse, Sync]),
            ("codebuild", "startBuild", &[RequestResponse, Sync]),
            ("codebuild", "startBuildBatch", &[RequestResponse, Sync]),
            ("codebuild", "retryBuildBatch", &[RequestResponse, Sync]),
            ("codebuild", "stopBuild", &[RequestResponse]),
            ("codebuild", "stopBuildBatch", &[RequestResponse]),
            ("codebuild", "deleteBuildBatch", &[RequestResponse]),
            ("codebuild", "batchDeleteBuilds", &[RequestResponse]),
            ("codebuild", "batchGetReports", &[RequestResponse]),
            ("codebuild", "listBuilds", &[]),
            ("s3", "getObject", &[]),
            ("aws-sdk:s3", "getObject", &[RequestResponse, WaitForTaskToken]),
            ("aws-sdk:S3", "getObject", &[]),
            ("aws-sdk:s3", "GetObject", &[]),
            ("aws-sdk:s3", "", &[]),
        ] {
            for pattern in [RequestResponse, Sync, Sync2, WaitForTaskToken] {
                assert_eq!(is_offered(service, action, pattern), offered.contains(&pattern), "{service}:{action} {pattern:?}");
            }
        }
    }

    #[test]
    fn suggests_what_was_meant() {
        assert_eq!(nearest("lamda", "invoke").as_deref(), Some("lambda:invoke"));
        assert_eq!(nearest("dynamodb", "GetItem").as_deref(), Some("dynamodb:getItem"));
        assert_eq!(nearest("lambda", "invoke"), None);
    }
}
