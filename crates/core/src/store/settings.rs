//! How objects are transferred, and the process's one set of such settings.

use std::path::PathBuf;
use std::time::Duration;

use crate::{Error, Result};

/// Settings of transfers. The first five are those of the multi-connection reader that this one is measured against,
/// with its defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransferSettings {
    /// Most requests at a time.
    pub connections: usize,
    /// Bytes of the first part of a sequential read.
    pub min_part: u64,
    /// Most bytes of a part.
    pub max_part: u64,
    /// How often a request that failed is sent again without a byte having come.
    pub retries: u32,
    /// Most bytes of memory for what is in transfer, besides what the codec takes.
    pub memory: u64,
    /// Longest wait for an answer to begin, and between two pieces of it.
    pub timeout: Duration,
    /// Folder of the disk cache.
    pub cache: Option<PathBuf>,
    /// Most bytes in it.
    pub cache_size: u64,
    /// Sign no requests: for public buckets.
    pub anonymous: bool,
    /// Pay for requests to buckets whose owner does not.
    pub requester_pays: bool,
    /// Tags of objects that are written.
    pub tags: Vec<(String, String)>,
    /// Storage class of objects that are written.
    pub storage_class: Option<String>,
}

impl Default for TransferSettings {
    fn default() -> Self {
        Self {
            connections: 50,
            min_part: 32 << 10,
            max_part: 8 << 20,
            retries: 3,
            memory: 256 << 20,
            timeout: Duration::from_secs(20),
            cache: None,
            cache_size: 10 << 30,
            anonymous: false,
            requester_pays: false,
            tags: Vec::new(),
            storage_class: None,
        }
    }
}

/// Least memory: a few parts of the least size.
const LEAST_MEMORY: u64 = 1 << 20;

impl TransferSettings {
    /// Refuses what cannot work.
    ///
    /// # Errors
    /// [`Error::Invalid`], naming the setting.
    pub fn check(&self) -> Result<()> {
        let refuse = |text: &str| Err(Error::Invalid(text.to_owned()));
        if self.connections == 0 || self.connections > 1000 {
            return refuse("connections: must be 1 to 1000");
        }
        if self.min_part < 1 << 10 {
            return refuse("min-part: must be 1 KiB or more");
        }
        if self.max_part < self.min_part || self.max_part > 1 << 30 {
            return refuse("max-part: must be min-part or more, and 1 GiB at most");
        }
        if self.memory < LEAST_MEMORY {
            return refuse("memory: must be 1 MiB or more");
        }
        if self.timeout < Duration::from_millis(10) {
            return refuse("timeout: must be 0.01 seconds or more");
        }
        Ok(())
    }

    /// Most bytes of a part that the memory leaves room for: some are on their way while others are read.
    pub(crate) fn largest_part(&self) -> u64 {
        self.max_part.min((self.memory / 4).max(1))
    }
}
