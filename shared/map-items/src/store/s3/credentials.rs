//! Who calls S3.

use std::sync::Arc;

use aws_credential_types::Credentials as SigningKeys;
use object_store::aws::{AmazonS3Builder, AwsCredentialProvider};

use crate::store::StoreError;
use crate::store::http::Http;

/// Keys of AWS.
#[derive(Clone, PartialEq, Eq)]
pub struct AwsKeys {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: String,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: Option<String>,
}

/// Without the secrets.
impl std::fmt::Debug for AwsKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AwsKeys").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// Keys that stay, or what AWS's places for credentials answer.
#[derive(Clone, Debug)]
pub(crate) enum Credentials {
    Fixed(SigningKeys),
    /// Web identity, containers' and instances' credentials, renewed in time.
    Chain(AwsCredentialProvider),
}

impl Credentials {
    pub(crate) fn fixed(access_key_id: &str, secret: &str, session_token: Option<String>) -> Self {
        Self::Fixed(SigningKeys::new(access_key_id, secret, session_token, None, "configuration"))
    }

    /// Asks the environment where credentials are.
    pub(crate) fn chain(http: &Http, region: &str) -> Result<Self, StoreError> {
        let builder = AmazonS3Builder::from_env().with_http_connector(http.clone()).with_region(region).with_bucket_name("credentials");
        let built = builder.build().map_err(|error| StoreError::NotAllowed(format!("no credentials for AWS: {error}")))?;
        Ok(Self::Chain(Arc::clone(built.credentials())))
    }

    pub(crate) async fn current(&self) -> Result<SigningKeys, StoreError> {
        match self {
            Credentials::Fixed(keys) => Ok(keys.clone()),
            Credentials::Chain(provider) => {
                let keys = provider.get_credential().await;
                let keys = keys.map_err(|error| StoreError::NotAllowed(format!("no credentials for AWS: {error}")))?;
                Ok(SigningKeys::new(&keys.key_id, &keys.secret_key, keys.token.clone(), None, "chain"))
            }
        }
    }
}
