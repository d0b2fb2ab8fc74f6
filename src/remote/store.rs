//! One bucket, container or web server, and what it says.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::path::Path as ObjectPath;
use object_store::{BackoffConfig, ClientOptions, ObjectMeta, ObjectStore, ObjectStoreExt as _, RetryConfig};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

use super::address::{Address, Scheme, without_secrets};
use super::transport::Transport;

/// How often a request that failed in passing is sent again.
const RETRIES: usize = 4;
/// For how long.
const PATIENCE: Duration = Duration::from_mins(1);

/// A folder in a store.
#[derive(Debug)]
pub(super) struct Store {
    store: Arc<dyn ObjectStore>,
    prefix: ObjectPath,
    scheme: Scheme,
    /// Its address, without logins.
    pub(super) shown: String,
}

/// What a store says of a file, as far as that tells one state of it from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    tag: Option<String>,
    /// Seconds since 1970; 0 where the store does not say.
    changed: i64,
    pub(super) bytes: u64,
}

impl State {
    fn of(meta: &ObjectMeta) -> Self {
        Self {
            tag: meta.e_tag.clone(),
            changed: meta.last_modified.timestamp(),
            bytes: meta.size,
        }
    }

    /// Whether another state would be told from it.
    pub(super) fn tells(&self) -> bool {
        self.tag.is_some() || self.changed != 0
    }
}

/// Why a file did not come.
#[derive(Debug)]
pub(super) enum Missed {
    /// It is not there.
    Absent,
    /// It may not be read; some stores say so of what is not there.
    Denied(Error),
    /// Anything else.
    Failed(Error),
}

impl From<Error> for Missed {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Missed {
    /// The error of a file that has to be there.
    pub(super) fn of(self, file: &str) -> Error {
        match self {
            Self::Absent => Error::data(format!(
                "{file} is not there: it was removed or was never copied; copy the run again (docs/remote.md)"
            )),
            Self::Denied(error) | Self::Failed(error) => error,
        }
    }
}

impl Store {
    /// # Errors
    /// [`Error::Usage`] if the environment's settings cannot be used.
    pub(super) fn open(address: &Address) -> Result<Self> {
        let shown = address.shown();
        let failed = |error: object_store::Error| {
            Error::Usage(format!(
                "{shown} cannot be opened: {}; which variables of the environment are read: docs/remote.md",
                without_secrets(&error.to_string())
            ))
        };
        let retry = RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: RETRIES,
            retry_timeout: PATIENCE,
        };
        let store: Arc<dyn ObjectStore> = match address.scheme {
            Scheme::S3 => Arc::new(
                AmazonS3Builder::from_env()
                    .with_bucket_name(address.host())
                    .with_http_connector(Transport)
                    .with_retry(retry)
                    .build()
                    .map_err(failed)?,
            ),
            Scheme::Gcs => Arc::new(
                GoogleCloudStorageBuilder::from_env()
                    .with_bucket_name(address.host())
                    .with_http_connector(Transport)
                    .with_retry(retry)
                    .build()
                    .map_err(failed)?,
            ),
            Scheme::Azure => Arc::new(
                MicrosoftAzureBuilder::from_env()
                    .with_container_name(address.host())
                    .with_http_connector(Transport)
                    .with_retry(retry)
                    .build()
                    .map_err(failed)?,
            ),
            Scheme::Http => Arc::new(
                HttpBuilder::new()
                    .with_url(address.whole().trim_end_matches('/'))
                    // Whether it may be plain was decided with the address.
                    .with_client_options(ClientOptions::new().with_allow_http(true))
                    .with_http_connector(Transport)
                    .with_retry(retry)
                    .build()
                    .map_err(failed)?,
            ),
        };
        // A web server's address holds its folder already.
        let prefix = match address.scheme {
            Scheme::Http => ObjectPath::default(),
            _ => ObjectPath::from_url_path(address.path())
                .map_err(|error| Error::Usage(format!("{shown} cannot be the place of a folder: {error}")))?,
        };
        Ok(Self {
            store,
            prefix,
            scheme: address.scheme,
            shown,
        })
    }

    /// Whether it can say what lies in it.
    pub(super) fn lists(&self) -> bool {
        self.scheme != Scheme::Http
    }

    /// The address of a file in it.
    pub(super) fn address(&self, name: &str) -> String {
        if name.is_empty() {
            self.shown.clone()
        } else {
            format!("{}/{name}", self.shown)
        }
    }

    fn place(&self, name: &str) -> ObjectPath {
        name.split('/').fold(self.prefix.clone(), ObjectPath::join)
    }

    /// What is said of a file.
    pub(super) async fn state(&self, name: &str) -> Result<State, Missed> {
        let found = self.store.head(&self.place(name)).await;
        found
            .map(|meta| State::of(&meta))
            .map_err(|error| self.missed(&self.address(name), &error))
    }

    /// Hands over the bytes of a file as they come, and says of what state of it they are.
    pub(super) async fn read(&self, name: &str, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<State, Missed> {
        let missed = |error| self.missed(&self.address(name), &error);
        let found = self.store.get(&self.place(name)).await.map_err(missed)?;
        let state = State::of(&found.meta);
        let mut blocks = found.into_stream();
        while let Some(block) = std::future::poll_fn(|waker| blocks.as_mut().poll_next(waker)).await {
            take(&block.map_err(missed)?)?;
        }
        Ok(state)
    }

    /// Names of all files that `wanted` takes, at most `limit`, and what is said of them.
    pub(super) async fn list(&self, limit: usize, wanted: impl Fn(&str) -> bool) -> Result<Vec<(String, State)>> {
        let mut found = Vec::new();
        let mut all = self.store.list(Some(&self.prefix));
        while let Some(object) = std::future::poll_fn(|waker| all.as_mut().poll_next(waker)).await {
            let object = object.map_err(|error| self.missed(&self.shown, &error).of(&self.shown))?;
            let Some(parts) = object.location.prefix_match(&self.prefix) else {
                continue;
            };
            let parts: Vec<String> = parts.map(|part| part.as_ref().to_owned()).collect();
            let name = parts.join("/");
            if wanted(&name) {
                found.push((name, State::of(&object)));
            }
            if found.len() > limit {
                return Err(Error::data(format!(
                    "{} holds more than {limit} files that are asked for; name a folder below it",
                    self.shown
                )));
            }
        }
        Ok(found)
    }

    fn missed(&self, file: &str, error: &object_store::Error) -> Missed {
        let said = without_secrets(&error.to_string()).replace(['\n', '\r'], " ");
        let said: String = said.chars().take(600).collect();
        let failed = |advice: &str| Error::data(format!("{file} could not be fetched: {advice} ({said})"));
        match error {
            object_store::Error::NotFound { .. } => Missed::Absent,
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
                Missed::Denied(failed(match self.scheme {
                    Scheme::Http => "the server refuses it; check the address, and the login in it",
                    _ => "the store refuses it; check the credentials in the environment (docs/remote.md)",
                }))
            }
            _ => Missed::Failed(failed(
                "check the address and the network; the same command goes on with what came",
            )),
        }
    }
}
