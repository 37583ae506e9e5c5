//! The environment of a function's process: Lambda's variables beneath the function's own, both over the worker's.
//!
//! The worker's environment is passed on, since a function's process runs as the same user and finds its interpreter, its proxies and local
//! AWS endpoints there. baton's own settings are not.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::Launch;
use crate::functions::Function;

pub(super) fn of(function: &Function, launch: &Launch, api: SocketAddr) -> BTreeMap<String, String> {
    let region = function.arn.split(':').nth(3).unwrap_or_default();
    let task_root = launch.code.display().to_string();
    let mut variables: BTreeMap<String, String> = [
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.name)),
        ("AWS_LAMBDA_LOG_STREAM_NAME", log_stream_name()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_EXECUTION_ENV", launch.execution_environment.clone()),
        ("AWS_REGION", region.to_owned()),
        ("AWS_DEFAULT_REGION", region.to_owned()),
        ("LAMBDA_TASK_ROOT", task_root),
        ("_HANDLER", launch.handler.clone()),
        ("TZ", ":UTC".to_owned()),
        // The code's folder is read-only on Lambda; written there, caches would look like changed code to a watcher.
        ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
        ("PYTHONUNBUFFERED", "1".to_owned()),
        ("PYTHONIOENCODING", "utf-8".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    variables.extend(function.environment.iter().map(|(name, value)| (name.clone(), value.clone())));
    // Not the function's to set: without it the runtime would not find its worker.
    variables.insert("AWS_LAMBDA_RUNTIME_API".to_owned(), api.to_string());
    variables
}

fn log_stream_name() -> String {
    let days = crate::logs::now_ms().div_euclid(86_400_000);
    let (year, month, day) = date_of(days);
    format!("{year}/{month:02}/{day:02}/[$LATEST]{}", uuid::Uuid::new_v4().simple())
}

/// Year, month and day of a day counted from 1970-01-01, by 400-year eras that begin in March, so that the leap day comes last.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::date_of;

    #[test]
    fn days_become_dates() {
        assert_eq!(date_of(0), (1970, 1, 1));
        assert_eq!(date_of(19_782), (2024, 2, 29));
        assert_eq!(date_of(20_779), (2026, 11, 22));
    }
}
