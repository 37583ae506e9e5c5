//! Which faults an ErrorEquals names.

use std::sync::Arc;

use super::{Fault, fault::TIMEOUT};

/// Whether a retrier's or catcher's `ErrorEquals` names the fault.
pub(crate) fn matches(error_equals: &[Arc<str>], fault: &Fault) -> bool {
    !fault.is_runtime() && error_equals.iter().any(|name| names(name, fault))
}

fn names(name: &str, fault: &Fault) -> bool {
    let error = fault.failure.error.as_deref();
    match name {
        "States.ALL" => true,
        "States.TaskFailed" => error != Some(TIMEOUT),
        "States.HeartbeatTimeout" => fault.is_heartbeat || error == Some(name),
        _ => error == Some(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Failure;

    fn check(names: &[&str], fault: &Fault) -> bool {
        matches(&names.iter().map(|name| Arc::from(*name)).collect::<Vec<_>>(), fault)
    }

    fn fault(error: Option<&str>) -> Fault {
        Fault::of_work(Failure { error: error.map(Into::into), cause: None })
    }

    #[test]
    fn wildcards_and_names() {
        let timeout = Fault::of_timeout(Failure { error: Some(TIMEOUT.into()), cause: None }, false);
        let heartbeat = Fault { is_heartbeat: true, ..timeout.clone() };
        assert!(check(&["States.ALL"], &fault(None)));
        assert!(check(&["States.ALL"], &timeout));
        assert!(check(&["States.ALL"], &fault(Some("States.DataLimitExceeded"))));
        assert!(check(&["A", "B"], &fault(Some("B"))));
        assert!(!check(&["A", "b"], &fault(Some("B"))));
        assert!(!check(&["State.ALL"], &fault(Some("B"))));
        assert!(check(&["States.TaskFailed"], &fault(Some("B"))));
        assert!(check(&["States.TaskFailed"], &fault(None)));
        assert!(!check(&["States.TaskFailed"], &timeout));
        assert!(!check(&["States.HeartbeatTimeout"], &timeout));
        assert!(check(&["States.HeartbeatTimeout"], &heartbeat));
        assert!(check(&["States.Timeout"], &heartbeat));
        assert!(!check(&[], &fault(None)));
    }

    #[test]
    fn nothing_matches_a_runtime_error() {
        for name in ["States.ALL", "States.Runtime", "States.TaskFailed"] {
            assert!(!check(&[name], &fault(Some("States.Runtime"))), "{name}");
        }
    }
}
