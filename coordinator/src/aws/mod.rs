//! Calls of AWS's services at their endpoints, or at what stands in for them: addresses and credentials, SigV4, and the JSON protocol.

mod endpoint;
mod json;

pub use endpoint::EndpointError;
pub(crate) use endpoint::{Answer, Call, Endpoint, NoAnswer, check_url};
pub(crate) use json::{CallError, JsonClient, Service};
