//! STS GetCallerIdentity, the one operation of another service that clients of an endpoint for all services cannot do without.

use super::call::Call;

/// Whether a form body asks for it.
pub(super) fn asks_for_caller_identity(form: &[u8]) -> bool {
    form.split(|byte| *byte == b'&').any(|pair| pair == b"Action=GetCallerIdentity")
}

/// The answer, XML.
pub(super) fn caller_identity(call: &Call<'_>, request_id: &str) -> String {
    let owner = call.owner();
    format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:{partition}:iam::{account}:root</Arn><UserId>{account}</UserId><Account>{account}</Account>\
         </GetCallerIdentityResult><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></GetCallerIdentityResponse>",
        partition = owner.partition,
        account = owner.account,
    )
}

/// The answer to any other operation of a service with form bodies, XML.
pub(super) fn not_served(request_id: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>InvalidAction</Code>\
         <Message>baton serves AWS Step Functions and STS GetCallerIdentity, not this operation</Message></Error>\
         <RequestId>{request_id}</RequestId></ErrorResponse>"
    )
}
