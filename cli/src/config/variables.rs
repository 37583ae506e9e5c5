//! What was said on a command line, for processes that this one starts: they are told by variables, which win over the file as it did.

use super::{AwsSettings, Config, LimitSettings, ServerSettings};
use crate::args::{EventsTo, LogsTo};

impl Config {
    /// The variables that say what flags and variables say to this process about limits, AWS and what leaves the server. Where it listens and
    /// what it keeps is each process's own.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let all = [self.limits.variables(), self.aws.variables(), self.server.variables()].concat();
        all.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect()
    }
}

type Said = Vec<(&'static str, Option<String>)>;

impl LimitSettings {
    fn variables(&self) -> Said {
        let Self { payload_bytes, history_events, retention_days, express_open, express_bytes } = self;
        vec![
            ("BATON_PAYLOAD_BYTES", payload_bytes.map(|value| value.get().to_string())),
            ("BATON_HISTORY_EVENTS", history_events.map(|value| value.get().to_string())),
            ("BATON_RETENTION_DAYS", retention_days.map(|value| value.get().to_string())),
            ("BATON_EXPRESS_OPEN", express_open.map(|value| value.get().to_string())),
            ("BATON_EXPRESS_BYTES", express_bytes.map(|value| value.get().to_string())),
        ]
    }
}

impl AwsSettings {
    fn variables(&self) -> Said {
        let Self { region, account, endpoint_url, lambda_endpoint, s3_endpoint, logs_endpoint, events_endpoint } = self;
        vec![
            ("AWS_REGION", region.clone()),
            ("BATON_ACCOUNT", account.clone()),
            ("AWS_ENDPOINT_URL", endpoint_url.clone()),
            ("AWS_ENDPOINT_URL_LAMBDA", lambda_endpoint.clone()),
            ("AWS_ENDPOINT_URL_S3", s3_endpoint.clone()),
            ("AWS_ENDPOINT_URL_LOGS", logs_endpoint.clone()),
            ("AWS_ENDPOINT_URL_EVENTS", events_endpoint.clone()),
        ]
    }
}

impl ServerSettings {
    fn variables(&self) -> Said {
        let Self { port: _, listen: _, data_dir: _, mock_config, execution_logs, status_events, item_folders, item_stores, worker_tokens } =
            self;
        let joined = |parts: Vec<String>| parts.join(",");
        let tokens = worker_tokens.as_ref().map(|tokens| joined(tokens.iter().map(|token| token.reveal().to_owned()).collect()));
        vec![
            (
                "BATON_ITEM_FOLDERS",
                item_folders.as_ref().map(|folders| joined(folders.iter().map(|path| path.display().to_string()).collect())),
            ),
            ("BATON_ITEM_STORES", item_stores.as_ref().map(|stores| joined(stores.iter().map(ToString::to_string).collect()))),
            ("SFN_MOCK_CONFIG", mock_config.as_ref().map(|file| file.display().to_string())),
            ("BATON_EXECUTION_LOGS", execution_logs.as_ref().map(|to| joined(to.iter().map(log_word).collect()))),
            ("BATON_STATUS_EVENTS", status_events.as_ref().map(|to| joined(to.iter().map(event_word).collect()))),
            ("BATON_WORKER_TOKENS", tokens),
        ]
    }
}

fn log_word(to: &LogsTo) -> String {
    match to {
        LogsTo::File => "file",
        LogsTo::Stdout => "stdout",
        LogsTo::CloudWatch => "cloudwatch",
        LogsTo::None => "none",
    }
    .to_owned()
}

fn event_word(to: &EventsTo) -> String {
    match to {
        EventsTo::EventBridge => "eventbridge".to_owned(),
        EventsTo::File => "file".to_owned(),
        EventsTo::Webhook(url) => url.clone(),
        EventsTo::None => "none".to_owned(),
    }
}
