//! What an action gets of a request.

use http::HeaderMap;
use serde::de::DeserializeOwned;

use super::error::ApiError;
use crate::arn::Owner;

/// One call of an operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    pub(super) defaults: &'a Defaults,
}

/// Who a caller is who does not say.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// Twelve digits.
    pub account: String,
    /// `us-east-1` and so on.
    pub region: String,
}

impl<'a> Call<'a> {
    /// The members of the body. Unknown ones are ignored, `null` is as absent. An absent body is as an empty one.
    pub(super) fn members<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let body = self.body.trim_ascii_start();
        let body = if body.is_empty() { b"{}" } else { body };
        if body[0] != b'{' {
            return Err(ApiError::Serialization("The request body must be a JSON object".to_owned()));
        }
        serde_json::from_slice(body).map_err(|error| ApiError::Serialization(format!("The request body cannot be read: {error}")))
    }

    /// Whose resources the call is about when it names none.
    pub(super) fn owner(&self) -> Owner<'a> {
        let scope = CredentialScope::of(self.headers);
        let account = scope.map(|scope| scope.access_key).filter(|key| is_account(key));
        let region = scope.map(|scope| scope.region).filter(|region| is_region(region));
        Owner::new(region.unwrap_or(&self.defaults.region), account.unwrap_or(&self.defaults.account))
    }

    /// A header's text.
    pub(super) fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// `Credential=<access key>/<date>/<region>/<service>/aws4_request` of a SigV4 signature. Any key is accepted.
#[derive(Clone, Copy, Debug)]
pub(super) struct CredentialScope<'a> {
    pub(super) access_key: &'a str,
    pub(super) region: &'a str,
}

impl<'a> CredentialScope<'a> {
    pub(super) fn of(headers: &'a HeaderMap) -> Option<Self> {
        let authorization = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
        let (_, credential) = authorization.split_once("Credential=")?;
        let credential = credential.split([',', ' ']).next()?;
        // Only the access key may hold slashes of its own, so that the parts are counted from the end.
        let mut parts = credential.rsplitn(5, '/');
        let (_, _, region, _) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        Some(Self { access_key: parts.next()?, region })
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_region(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(authorization: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", authorization.parse().expect("a header"));
        let defaults = Defaults { account: "123456789012".to_owned(), region: "eu-west-1".to_owned() };
        Call { headers: &headers, body: b"", defaults: &defaults }.owner().to_string()
    }

    #[test]
    fn account_and_region_come_from_the_credential() {
        let signed = |key: &str, region: &str| {
            owner(&format!("AWS4-HMAC-SHA256 Credential={key}/20261122/{region}/states/aws4_request, SignedHeaders=host, Signature=0"))
        };
        assert_eq!(signed("000000000000", "us-west-2"), "arn:aws:states:us-west-2:000000000000");
        assert_eq!(signed("AKIA/with/slashes", "cn-north-1"), "arn:aws-cn:states:cn-north-1:123456789012");
        assert_eq!(signed("test", "Evil Region"), "arn:aws:states:eu-west-1:123456789012");
        assert_eq!(owner("Bearer x"), "arn:aws:states:eu-west-1:123456789012");
    }
}
