//! What all transfers of a process share: settings, clients, bounds and counters.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, Weak};

use tokio::runtime::Runtime;

use super::cache::Cache;
use super::client::{Client, Purpose, connect};
use super::counters::{Counters, TransferTotals};
use super::limits::{Connections, Memory, Pace};
use super::location::{Kind, ObjectUrl};
use super::remote::Remote;
use super::runtime::runtime;
use super::settings::TransferSettings;
use super::waiting::lock;
use crate::{Error, Result};

/// The process's transfers.
pub struct Transfers {
    /// Number of the process that they are of.
    pub process: u32,
    pub runtime: Arc<Runtime>,
    pub settings: TransferSettings,
    /// One for the process, whatever its settings were.
    pub counters: Arc<Counters>,
    pub memory: Arc<Memory>,
    pub connections: Connections,
    pub pace: Pace,
    pub cache: Option<Arc<Cache>>,
    clients: Mutex<HashMap<Bucket, Arc<Client>>>,
    /// Objects that are open: they hold memory that others may need.
    pub(super) objects: Mutex<Vec<Weak<Remote>>>,
}

/// What a client serves.
type Bucket = (Kind, String, Option<String>, Option<String>, Purpose);

static TRANSFERS: Mutex<Option<Arc<Transfers>>> = Mutex::new(None);
static COUNTERS: LazyLock<Arc<Counters>> = LazyLock::new(Arc::default);
static WAITING: OnceLock<fn() -> bool> = OnceLock::new();

/// Sets how objects that are opened from now on are transferred; those that are open keep to theirs.
///
/// # Errors
/// [`Error::Invalid`] for settings that cannot work.
pub fn configure(settings: TransferSettings) -> Result<()> {
    settings.check()?;
    let made = Transfers::new(settings)?;
    let mut known = lock(&TRANSFERS);
    *known = Some(Arc::new(made));
    Ok(())
}

/// Lets `may_go_on` be asked a few times a second by threads that wait for a store: false stops them.
pub fn while_waiting(may_go_on: fn() -> bool) {
    // The first stays.
    let _ = WAITING.set(may_go_on);
}

/// What the transfers of this process have taken so far.
pub fn totals() -> TransferTotals {
    let known = lock(&TRANSFERS);
    TransferTotals {
        peak_memory: known.as_ref().map_or(0, |known| known.memory.peak()),
        ..COUNTERS.totals()
    }
}

/// Fails when whoever waits is to stop.
pub fn check_waiting() -> Result<()> {
    match WAITING.get() {
        Some(may_go_on) if !may_go_on() => Err(Error::Interrupted),
        _ => Ok(()),
    }
}

impl Transfers {
    fn new(settings: TransferSettings) -> Result<Self> {
        let (process, runtime) = runtime()?;
        Ok(Self {
            process,
            runtime,
            counters: COUNTERS.clone(),
            memory: Memory::new(settings.memory),
            connections: Connections::new(settings.connections),
            pace: Pace::default(),
            cache: settings
                .cache
                .as_ref()
                .map(|folder| Arc::new(Cache::new(folder, settings.cache_size))),
            clients: Mutex::default(),
            objects: Mutex::default(),
            settings,
        })
    }

    /// Those of this process, with the settings made last.
    pub fn of_process() -> Result<Arc<Self>> {
        let mut known = lock(&TRANSFERS);
        match &*known {
            Some(transfers) if transfers.process == std::process::id() => Ok(transfers.clone()),
            other => {
                // A parent's connections must not be used by two processes.
                let settings = other.as_ref().map(|parent| parent.settings.clone());
                let made = Arc::new(Self::new(settings.unwrap_or_default())?);
                std::mem::forget(known.replace(made.clone()));
                Ok(made)
            }
        }
    }

    /// The client for an object.
    pub fn client(&self, url: &ObjectUrl, purpose: Purpose) -> Result<Arc<Client>> {
        let bucket = (
            url.kind,
            url.bucket.clone(),
            url.account.clone(),
            url.query.clone(),
            purpose,
        );
        let mut clients = lock(&self.clients);
        if let Some(client) = clients.get(&bucket) {
            return Ok(client.clone());
        }
        let made = self
            .runtime
            .block_on(connect(url, &self.settings, purpose))?;
        let made = Arc::new(made);
        clients.insert(bucket, made.clone());
        Ok(made)
    }
}
