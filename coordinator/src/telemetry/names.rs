//! Every metric: its name, type, labels and meaning, and the metrics of CloudWatch that it stands for.
//!
//! Names follow Prometheus' rules: base units, the unit at the end, `_total` for what only grows. A new metric is a line here.

use super::family::{CounterFamily, Description, GaugeFamily, HistogramFamily, Kind};
use super::histogram::{LONG, QUICK, TINY};

/// Families that belong together.
#[derive(Debug)]
pub struct Section {
    /// Its heading.
    pub title: &'static str,
    /// What is in it.
    pub families: &'static [&'static Description],
}

macro_rules! description {
    ($kind:ident, $name:literal, [$($label:literal),*], $help:literal, [$($cloudwatch:literal),*]) => {
        Description { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help, cloudwatch: &[$($cloudwatch),*] }
    };
}

macro_rules! family {
    (counter $id:ident $name:literal $labels:tt $help:literal $cloudwatch:tt) => {
        #[doc = $help]
        pub static $id: CounterFamily = CounterFamily(description!(Counter, $name, $labels, $help, $cloudwatch));
    };
    (gauge $id:ident $name:literal $labels:tt $help:literal $cloudwatch:tt) => {
        #[doc = $help]
        pub static $id: GaugeFamily = GaugeFamily(description!(Gauge, $name, $labels, $help, $cloudwatch));
    };
    ($bounds:ident $id:ident $name:literal $labels:tt $help:literal $cloudwatch:tt) => {
        #[doc = $help]
        pub static $id: HistogramFamily =
    HistogramFamily { description: description!(Histogram, $name, $labels, $help, $cloudwatch), bounds: family!(bounds $bounds) };
    };
    (bounds tiny) => {
        TINY
    };
    (bounds quick) => {
        QUICK
    };
    (bounds long) => {
        LONG
    };
}

macro_rules! described {
    (counter $id:ident) => {
        &$id.0
    };
    (gauge $id:ident) => {
        &$id.0
    };
    ($bounds:ident $id:ident) => {
        &$id.description
    };
}

/// One section each: `kind NAME "name" [labels] "help" [CloudWatch's];`. Histograms have the name of their bounds as kind.
macro_rules! sections {
    ($($section:ident $title:literal { $($kind:ident $id:ident $name:literal $labels:tt $help:literal $cloudwatch:tt;)* })*) => {
        $($(family!($kind $id $name $labels $help $cloudwatch);)*)*
        $(static $section: &[&Description] = &[$(described!($kind $id)),*];)*

        /// All sections, in the order of the page.
        pub static SECTIONS: &[Section] = &[$(Section { title: $title, families: $section }),*];
        /// All families.
        pub static ALL: &[&Description] = &[$($(described!($kind $id)),*),*];
    };
}

sections! {
    EXECUTIONS "Executions" {
        counter EXECUTIONS_STARTED "baton_executions_started_total" ["state_machine"]
            "Executions that have been started, by the ARN of their state machine." ["ExecutionsStarted"];
        counter EXECUTIONS_ENDED "baton_executions_total" ["state_machine", "status"]
            "Executions that have ended: `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`."
            ["ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"];
        counter EXECUTIONS_REDRIVEN "baton_executions_redriven_total" ["state_machine"]
            "Redrives." ["ExecutionsRedriven"];
        counter REDRIVEN_EXECUTIONS_ENDED "baton_redriven_executions_total" ["state_machine", "status"]
            "Of the executions that have ended, those that had been redriven."
            ["RedrivenExecutionsSucceeded", "RedrivenExecutionsFailed", "RedrivenExecutionsTimedOut", "RedrivenExecutionsAborted"];
        long EXECUTION_DURATION "baton_execution_duration_seconds" ["state_machine"]
            "From the start of an execution, or its last redrive, to its end." ["ExecutionTime"];
        counter EXECUTION_ERRORS "baton_execution_errors_total" ["state_machine", "error_class"]
            "Executions that have failed or timed out, by the kind of error: a reserved `States.` name, `Lambda`, `application`, `none`." [];
        gauge EXECUTIONS_OPEN "baton_executions_open" []
            "Standard executions that have begun and not ended, of the shards that this coordinator has." ["OpenExecutionCount"];
        gauge EXECUTIONS_IN_MEMORY "baton_executions_in_memory" []
            "Executions that are in memory; those that only wait for something far away are not." [];
        gauge EXECUTIONS_STALLED "baton_executions_stalled" []
            "Executions that are set aside because they cannot go on; the log names each." [];
        gauge EXPRESS_OPEN "baton_express_open" [] "Express executions that run." [];
        gauge EXPRESS_BYTES "baton_express_bytes" [] "Memory that Express executions hold." [];
    }
    ENGINE "Engine" {
        counter TRANSITIONS "baton_transitions_total" ["state_machine"]
            "State transitions: states that have been entered." ["ConsumedCapacity"];
        tiny TRANSITION_DURATION "baton_transition_duration_seconds" []
            "What deciding takes, per state transition; one decision in 64 is measured." [];
        gauge TIMERS_PENDING "baton_timers_pending" []
            "Timers that are due within two minutes." [];
        quick TIMER_LAG "baton_timer_lag_seconds" []
            "How late timers fire." [];
        gauge TIMER_OVERDUE "baton_timer_overdue_seconds" []
            "For how long the earliest timer that has not fired has been due; 0 when none is." [];
        gauge INBOX_LENGTH "baton_inbox_length" [] "Inputs that wait to be handled." [];
        counter THROTTLE "baton_throttle_total" ["bucket"]
            "Requests that were refused for want of room; `bucket` is what was full." ["ThrottledEvents"];
        gauge BUILD_INFO "baton_build_info" ["version"] "1, with the version as label." [];
    }
    TASKS "Activities and other tasks" {
        counter ACTIVITY_TASKS "baton_activity_tasks_total" ["activity", "outcome"]
            "Tasks of activities: `scheduled`, `started`, `succeeded`, `failed`, `timed_out`, `heartbeat_timed_out`."
            ["ActivitiesScheduled", "ActivitiesStarted", "ActivitiesSucceeded", "ActivitiesFailed", "ActivitiesTimedOut",
             "ActivitiesHeartbeatTimedOut"];
        long ACTIVITY_SCHEDULE_SECONDS "baton_activity_schedule_seconds" ["activity"]
            "How long tasks of activities have waited for a worker." ["ActivityScheduleTime"];
        long ACTIVITY_RUN_SECONDS "baton_activity_run_seconds" ["activity"]
            "From the start of an activity's task to its outcome." ["ActivityRunTime"];
        long ACTIVITY_SECONDS "baton_activity_seconds" ["activity"]
            "From the scheduling of an activity's task to its outcome." ["ActivityTime"];
        counter INTEGRATION_TASKS "baton_integration_tasks_total" ["integration", "resource", "outcome"]
            "Tasks of functions (`integration` is `lambda`, `resource` the function's ARN) and of service integrations (`lambda:invoke`): the outcomes of activities, and `refused`, `submitted`."
            ["LambdaFunctionsScheduled", "LambdaFunctionsStarted", "LambdaFunctionsSucceeded", "LambdaFunctionsFailed",
             "LambdaFunctionsTimedOut", "ServiceIntegrationsScheduled", "ServiceIntegrationsStarted", "ServiceIntegrationsSucceeded",
             "ServiceIntegrationsFailed", "ServiceIntegrationsTimedOut"];
        long INTEGRATION_SCHEDULE_SECONDS "baton_integration_schedule_seconds" ["integration", "resource"]
            "How long tasks of functions and integrations have waited to be started."
            ["LambdaFunctionScheduleTime", "ServiceIntegrationScheduleTime"];
        long INTEGRATION_RUN_SECONDS "baton_integration_run_seconds" ["integration", "resource"]
            "From the start of such a task to its outcome." ["LambdaFunctionRunTime", "ServiceIntegrationRunTime"];
        long INTEGRATION_SECONDS "baton_integration_seconds" ["integration", "resource"]
            "From the scheduling of such a task to its outcome." ["LambdaFunctionTime", "ServiceIntegrationTime"];
        gauge TASK_BACKLOG "baton_task_backlog" ["queue"]
            "Tasks that wait in a queue for a worker: `lambda:<function>`, `activity:<ARN>`." [];
        gauge TASK_OLDEST_AGE "baton_task_oldest_age_seconds" ["queue"]
            "How long the oldest of them has waited here." [];
        gauge POLLERS "baton_pollers" ["queue"] "Workers and pollers that serve a queue." [];
        gauge QUEUE_FREE_SLOTS "baton_queue_free_slots" ["queue"] "Free slots of the workers that serve a queue." [];
    }
    API "API" {
        long HTTP_REQUEST_DURATION "baton_http_request_duration_seconds" ["op", "code"]
            "Requests of the AWS API, by operation and HTTP status. GetActivityTask and StartSyncExecution wait by design." [];
        counter HTTP_ERRORS "baton_http_errors_total" ["op", "error"]
            "Requests that were answered with an error, by its AWS name." [];
        gauge TLS_CERTIFICATE_EXPIRES "baton_tls_certificate_expires_timestamp_seconds" []
            "When the certificate ends that everything is served with, in seconds since 1970; 0 without TLS." [];
    }
    STORE "Store" {
        quick HISTORY_APPEND_SECONDS "baton_history_append_seconds" []
            "From handing a batch of events to the store until it is durable; for each shard one batch at a time is measured." [];
        gauge STORE_BYTES "baton_store_bytes" []
            "What the store holds: files of the data folder, or the memory that Redis uses." [];
        gauge STORE_FREE_BYTES "baton_store_free_bytes" []
            "What the store may still grow by, its reserve left out: room on the volume, or up to Redis' maxmemory." [];
        gauge STORE_ACCEPTS_WORK "baton_store_accepts_work" [] "1, or 0 while new executions are refused because the store is full." [];
        gauge UNSAVED_BYTES "baton_store_unsaved_bytes" []
            "Bytes of the log that wait for their checkpoint, in memory too." [];
        gauge CHECKPOINTS_STOPPED "baton_shards_checkpoints_stopped" []
            "Shards whose checkpoints have stopped: their log grows until a restart." [];
        gauge STORE_SETTING_UNSAFE "baton_store_setting_unsafe" ["setting"]
            "1 for a setting of the store's server that may lose what was acknowledged: `maxmemory-policy`, `appendonly`, `appendfsync`, …" [];
        gauge STORE_CLOCK_AHEAD "baton_store_clock_ahead_seconds" []
            "By how much the clock of the store's server is ahead of this process's. Leases are judged by the server's alone; times in histories are of whoever writes them." [];
        counter STORE_ERRORS "baton_store_errors_total" ["operation"]
            "Calls of the store that have failed or were not answered in time; they are made again: `append`, `acquire`, `renew`, `release`, `checkpoint`, `read`, `beat`, `info`." [];
    }
    CLUSTER "Cluster" {
        gauge MEMBERS "baton_members" [] "Coordinators that this one believes to be alive, itself included." [];
        quick MEMBER_BEAT_SECONDS "baton_member_beat_seconds" [] "What a member's sign of life takes at the store." [];
        gauge LEASES_OWNED "baton_lease_owned" [] "Shards whose lease this coordinator holds." [];
        counter LEASES_TAKEN "baton_lease_taken_total" ["reason"]
            "Leases that this coordinator has got: `free` (nobody's, or given by another), `take_over` (another's lease had to end first)." [];
        counter LEASES_LOST "baton_lease_lost_total" ["reason"]
            "Leases that have gone: `given` (handed over in order), `fenced` (another coordinator has it without having been given it)." [];
        gauge SHARDS_LOST "baton_shards_lost" []
            "Shards that the store has taken from this process; their executions stand still here." [];
        long TAKE_OVER_SECONDS "baton_take_over_seconds" [] "From finding that a lost member's lease still keeps a shard until that runs here." [];
        quick HAND_OVER_SECONDS "baton_hand_over_seconds" [] "How long a shard stands still while it is handed over." [];
        counter PEER_REQUESTS "baton_peer_requests_total" ["kind", "outcome"]
            "Questions that were put to another coordinator: `answered`, `moved` (not the owner any more), `unreachable`." [];
        counter PEER_RETRIES "baton_peer_retries_total" ["kind"]
            "Of these, those that were put again with the same id." [];
        quick PEER_REQUEST_SECONDS "baton_peer_request_duration_seconds" ["kind"] "What one such question takes." [];
    }
    DISPATCH "Dispatch through the broker" {
        counter OFFERS_PUBLISHED "baton_offers_published_total" [] "Offers of tasks that the broker has confirmed." [];
        counter OFFERS_REFUSED "baton_offers_refused_total" ["reason"]
            "Offers that the broker did not take: `nack` (full, blocked, or without a queue), `foreign` (the queue is somebody else's), `unconfirmed` (the link went before the answer)." [];
        counter OFFERS_REPEATED "baton_offers_repeated_total" ["reason"]
            "Offers that were made again: `nack`, `link`, `audit`, `handed_back`." [];
        counter OFFERS_ANSWERED "baton_offers_answered_total" ["outcome"]
            "What became of offers at the coordinator that was asked for them: claims `granted` and `denied`, offers `handed_back`." [];
        gauge OFFERS_UNCLAIMED "baton_offers_unclaimed" ["queue"] "Offers in the broker that nobody has claimed." [];
        gauge OFFERS_OLDEST_AGE "baton_offers_oldest_age_seconds" ["queue"] "How long the oldest of them has been there." [];
        counter OFFERS_DIRECT "baton_offers_direct_total" [] "Tasks that went straight to a worker's session, here or at another coordinator, while the broker was away." [];
        gauge DISPATCH_STALLED "baton_dispatch_stalled" []
            "1 while offers cannot be made: the broker is away, blocks, or does not confirm." [];
        gauge BROKER_CONNECTED "baton_broker_connected" [] "1 while there is a link to the broker." [];
        counter BROKER_RECONNECTS "baton_broker_reconnects_total" [] "Links to the broker that have been made anew." [];
        quick BROKER_PUBLISH_SECONDS "baton_broker_publish_seconds" [] "From publishing a message to the broker's confirmation." [];
    }
    OUTLETS "Execution logs, status-change events, traces" {
        counter EXECUTION_LOG_EVENTS "baton_execution_log_events_total" ["destination"] "Events that have been logged." [];
        counter EXECUTION_LOG_EVENTS_DROPPED "baton_execution_log_events_dropped_total" ["destination", "reason"]
            "Events that were not logged." [];
        counter STATUS_EVENTS "baton_status_events_total" ["destination"] "Status-change events that have been delivered." [];
        counter STATUS_EVENTS_DROPPED "baton_status_events_dropped_total" ["destination", "reason"]
            "Status-change events that were not delivered." [];
        counter TRACED_STEPS "baton_traced_steps_total" ["destination"] "Steps of executions whose spans have been delivered." [];
        counter TRACED_STEPS_DROPPED "baton_traced_steps_dropped_total" ["destination", "reason"]
            "Steps of executions whose spans were not delivered." [];
    }
    PROCESS "Process" {
        gauge PROCESS_RESIDENT_MEMORY_BYTES "process_resident_memory_bytes" [] "Memory that the process has." [];
        counter PROCESS_CPU_SECONDS_TOTAL "process_cpu_seconds_total" [] "CPU that it has used." [];
        gauge PROCESS_OPEN_FDS "process_open_fds" [] "Files and sockets that it has open." [];
        gauge PROCESS_START_TIME_SECONDS "process_start_time_seconds" [] "When it was started, seconds since 1970." [];
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_follow_prometheus_rules() {
        let mut seen = BTreeSet::new();
        for Description { name, kind, labels, help, .. } in ALL {
            assert!(seen.insert(name), "{name} stands here twice");
            assert!(name.starts_with("baton_") || name.starts_with("process_"), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            assert!(*kind != Kind::Histogram || name.ends_with("_seconds"), "{name}");
            assert!(help.ends_with(['.', '…']) && !help.contains(['|', '\\', '\n']), "{name}: {help}");
            assert!(labels.iter().all(|label| !label.contains("execution") && *label != "le"), "{name}: {labels:?}");
        }
    }

    #[test]
    fn every_section_is_in_the_list() {
        assert_eq!(SECTIONS.iter().map(|section| section.families.len()).sum::<usize>(), ALL.len());
    }
}
