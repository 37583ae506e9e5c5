//! An HTTP/1.1 client that costs next to nothing per request.
//!
//! The server under load shares its processors with the load, so what the generator spends is missing from the figures. Requests are
//! bytes made once, with only the execution's number patched in; of an answer, only the status, the length and the body are
//! read. Deliberately absent: TLS, redirects, pipelining, compression, pooling (each lane owns its connection).

mod answer;
mod connection;
mod endpoint;
mod request;

pub(crate) use answer::Answer;
pub(crate) use connection::{Connection, HttpError};
pub(crate) use endpoint::Endpoint;
pub(crate) use request::{ExecutionNames, Request, RequestTemplate};
