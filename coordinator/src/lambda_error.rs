//! Names of Lambda's errors as Step Functions shows them; retriers name them.

/// Lambda, or what stands for it, failed; among others a worker that was lost while it ran the task.
pub(crate) const SERVICE_EXCEPTION: &str = "Lambda.ServiceException";
/// There is no such function.
pub(crate) const RESOURCE_NOT_FOUND: &str = "Lambda.ResourceNotFoundException";
/// No answer came.
pub(crate) const SDK_CLIENT_EXCEPTION: &str = "Lambda.SdkClientException";
/// The function failed without saying how.
pub(crate) const UNKNOWN: &str = "Lambda.Unknown";
