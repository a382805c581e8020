//! Credentials for S3, found as every AWS tool finds them: environment, profiles, SSO, web identity, the roles of
//! containers and machines. They are fetched again before they expire, so that a job may take longer than they last.

use std::sync::Arc;

use async_trait::async_trait;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use tokio::sync::Mutex;

use std::time::{Duration, SystemTime};

/// How long before they expire credentials are fetched again.
const MARGIN: Duration = Duration::from_secs(120);

/// What the environment and the profile files say.
pub async fn aws() -> SdkConfig {
    aws_config::load_defaults(BehaviorVersion::latest()).await
}

/// Credentials of the chain, kept until shortly before they expire.
#[derive(Debug)]
pub struct Chain {
    provider: SharedCredentialsProvider,
    known: Mutex<Option<(Option<SystemTime>, Arc<AwsCredential>)>>,
}

impl Chain {
    /// The chain of `config`; none where it has no provider at all.
    pub fn of(config: &SdkConfig) -> Option<Self> {
        Some(Self {
            provider: config.credentials_provider()?,
            known: Mutex::default(),
        })
    }
}

#[async_trait]
impl CredentialProvider for Chain {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut known = self.known.lock().await;
        if let Some((expiry, credential)) = &*known
            && expiry.is_none_or(|expiry| SystemTime::now() + MARGIN < expiry)
        {
            return Ok(credential.clone());
        }
        let found = self.provider.provide_credentials().await;
        let found = found.map_err(|error| object_store::Error::Unauthenticated {
            path: String::new(),
            source: Box::new(error),
        })?;
        let credential = Arc::new(AwsCredential {
            key_id: found.access_key_id().to_owned(),
            secret_key: found.secret_access_key().to_owned(),
            token: found.session_token().map(ToOwned::to_owned),
        });
        *known = Some((found.expiry(), credential.clone()));
        Ok(credential)
    }
}
