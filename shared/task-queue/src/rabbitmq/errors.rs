//! The broker's errors in our words.

use lapin::{Error, ErrorKind};

use crate::QueueError;

/// AMQP's reply codes for what is there and is not ours: a lock of another connection, and a declaration that differs.
const RESOURCE_LOCKED: u16 = 405;
const PRECONDITION_FAILED: u16 = 406;
/// What the user may not do.
const ACCESS_REFUSED: u16 = 403;
const NOT_FOUND: u16 = 404;

/// What an error of a connection means for a call.
pub(super) fn away(error: &Error) -> QueueError {
    QueueError::Away(words(error))
}

/// What an error of a declaration means.
pub(super) fn of_declaration(what: &str, error: &Error) -> QueueError {
    match reply_code(error) {
        Some(RESOURCE_LOCKED | PRECONDITION_FAILED) => QueueError::Foreign { what: what.to_owned(), reason: words(error) },
        Some(ACCESS_REFUSED) => QueueError::Refused { queue: what.to_owned(), reason: words(error) },
        _ => away(error),
    }
}

pub(super) fn is_other_declaration(error: &Error) -> bool {
    reply_code(error) == Some(PRECONDITION_FAILED)
}

pub(super) fn is_not_found(error: &Error) -> bool {
    reply_code(error) == Some(NOT_FOUND)
}

fn reply_code(error: &Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}

/// The broker's own, if it has said something.
fn words(error: &Error) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(error) => error.get_message().to_string(),
        _ => error.to_string(),
    }
}
