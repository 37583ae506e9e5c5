//! `[aws]`: what stands in for the rest of AWS. The variables are those of AWS's own tools.

use baton_worker::functions::Location;
use serde::Deserialize;

use super::first_of;

/// See the module.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default)]
#[command(next_help_heading = "AWS")]
pub(crate) struct AwsSettings {
    /// Region of state machines and functions, and of callers who do not say theirs; us-east-1 by default.
    #[arg(long, env = "AWS_REGION", value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Account of state machines and functions, and of callers whose access key is not twelve digits; 123456789012 by default.
    #[arg(long, env = "BATON_ACCOUNT", value_name = "DIGITS")]
    pub(crate) account: Option<String>,
    /// All of AWS that is not named by itself.
    #[arg(id = "aws_endpoint_url", long = "aws-endpoint-url", env = "AWS_ENDPOINT_URL", value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
    /// Where functions are invoked that no worker has.
    #[arg(long, env = "AWS_ENDPOINT_URL_LAMBDA", value_name = "URL")]
    pub(crate) lambda_endpoint: Option<String>,
    /// S3, for items and results of Distributed Maps.
    #[arg(long, env = "AWS_ENDPOINT_URL_S3", value_name = "URL")]
    pub(crate) s3_endpoint: Option<String>,
    /// CloudWatch Logs, for execution logs.
    #[arg(long, env = "AWS_ENDPOINT_URL_LOGS", value_name = "URL")]
    pub(crate) logs_endpoint: Option<String>,
    /// EventBridge, for status changes.
    #[arg(long, env = "AWS_ENDPOINT_URL_EVENTS", value_name = "URL")]
    pub(crate) events_endpoint: Option<String>,
}

impl AwsSettings {
    /// What flags and variables say, then what the file says. Within each, a service's own endpoint comes before that of all, as in AWS's SDKs.
    pub(super) fn over(self, file: Self) -> Self {
        self.or(Self::other_variables()).spread().or(file.spread())
    }

    pub(super) fn or(self, file: Self) -> Self {
        let is_said = |text: &String| !text.is_empty();
        let said = self.map(|text| text.filter(is_said));
        first_of!(said, file; region, account, endpoint_url, lambda_endpoint, s3_endpoint, logs_endpoint, events_endpoint)
    }

    fn map(self, each: impl Fn(Option<String>) -> Option<String>) -> Self {
        Self {
            region: each(self.region),
            account: each(self.account),
            endpoint_url: each(self.endpoint_url),
            lambda_endpoint: each(self.lambda_endpoint),
            s3_endpoint: each(self.s3_endpoint),
            logs_endpoint: each(self.logs_endpoint),
            events_endpoint: each(self.events_endpoint),
        }
    }

    /// Services without an endpoint of their own are where all are.
    fn spread(self) -> Self {
        let all = self.endpoint_url.clone();
        Self {
            lambda_endpoint: self.lambda_endpoint.or(all.clone()),
            s3_endpoint: self.s3_endpoint.or(all.clone()),
            logs_endpoint: self.logs_endpoint.or(all.clone()),
            events_endpoint: self.events_endpoint.or(all),
            ..self
        }
    }

    /// What the variables say that are other words for the same: the SDKs name a service by its id, signatures and people by a shorter word.
    pub(super) fn other_variables() -> Self {
        Self {
            region: variable("AWS_DEFAULT_REGION"),
            logs_endpoint: variable("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS"),
            events_endpoint: variable("AWS_ENDPOINT_URL_EVENTBRIDGE"),
            ..Self::default()
        }
    }

    /// What makes names ARNs.
    pub(crate) fn location(&self) -> Location {
        let Location { region, account } = Location::default();
        Location { region: self.region.clone().unwrap_or(region), account: self.account.clone().unwrap_or(account) }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
