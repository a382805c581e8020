//! What is below a folder, or has keys that go on from a URL's: told in batches as it is found, never held all at once.

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::ObjectMeta;
use object_store::path::Path as Key;

use super::client::{Client, Purpose};
use super::connector::answered;
use super::counters::add;
use super::failure::{Attempts, Failure, Waits};
use super::folders::Walk;
use super::location::{Kind, Location, ObjectUrl};
use super::request::Pin;
use super::transfers::Transfers;
use super::waiting::wait;
use crate::{Error, Result};

/// Most entries of a batch: what a store lists in one answer.
const BATCH: usize = 1000;

/// A file or an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path or URL.
    pub place: OsString,
    /// Length in bytes.
    pub length: u64,
    /// Time of the last change, in nanoseconds since 1970.
    pub modified_ns: i64,
    /// The store's name for the state that it is in.
    pub etag: Option<String>,
}

/// Batches of what is at a place: files and objects, not folders. Objects come in the order of their keys, files in the order
/// of their names in each folder, in which a folder's place is that of all that is in it.
pub struct Listing {
    kind: Listed,
    stop: Arc<AtomicBool>,
    ended: bool,
}

enum Listed {
    Folder(Walk),
    Keys(Keys),
}

impl Listing {
    /// Starts to list the folder at `location`, or the objects whose keys go on from that of a URL with a slash.
    ///
    /// # Errors
    /// [`Error::Store`] when the folder is not there or may not be read; [`Error::Unsupported`] for web servers.
    pub fn of(location: &Location) -> Result<Self> {
        let kind = match location {
            Location::Path(path) => Listed::Folder(Walk::of(path)?),
            Location::Url(url) if url.kind == Kind::Http => {
                return Err(Error::Unsupported(format!(
                    "{url}: a web server does not list what it has; name its files"
                )));
            }
            Location::Url(url) => Listed::Keys(Keys {
                url: url.clone(),
                stream: None,
                process: 0,
                last: None,
                is_sorted: true,
            }),
        };
        Ok(Self {
            kind,
            stop: Arc::default(),
            ended: false,
        })
    }
}

impl Iterator for Listing {
    type Item = Result<Vec<Entry>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let batch = match &mut self.kind {
            Listed::Folder(walk) => walk.batch(BATCH, &self.stop),
            Listed::Keys(keys) => keys.batch(&self.stop),
        };
        self.ended = !matches!(&batch, Ok(batch) if batch.len() == BATCH);
        match batch {
            Ok(batch) if batch.is_empty() => None,
            other => Some(other),
        }
    }
}

/// Objects of a store.
struct Keys {
    url: ObjectUrl,
    /// What the store still has to say; none before the first request, and after one that failed.
    stream: Option<BoxStream<'static, object_store::Result<ObjectMeta>>>,
    /// Number of the process that asked.
    process: u32,
    /// The key that was told last: after a failure the store is asked for those behind it.
    last: Option<Key>,
    /// Whether keys have come in order so far.
    is_sorted: bool,
}

impl Keys {
    fn batch(&mut self, stop: &AtomicBool) -> Result<Vec<Entry>> {
        let transfers = Transfers::of_process()?;
        if self.process != transfers.process {
            // A parent's connections must not be used by two processes.
            std::mem::forget(self.stream.take());
            self.process = transfers.process;
        }
        let client = transfers.client(&self.url, Purpose::Usual)?;
        wait(&transfers, stop, async {
            let (mut entries, mut attempts) = (Vec::new(), Attempts::default());
            while entries.len() < BATCH {
                match self.next(&transfers, &client).await {
                    Ok(Some(meta)) => {
                        attempts.in_vain = 0;
                        entries.push(self.entry(&meta));
                    }
                    Ok(None) => break,
                    Err(failure) => {
                        self.stream = None;
                        // Without an order nobody knows what there is behind a key.
                        let failure = if self.is_sorted {
                            failure
                        } else {
                            failure.for_good()
                        };
                        let waits = Waits {
                            transfers: &transfers,
                            action: "cannot list",
                            url: &self.url,
                        };
                        let what = "what it holds";
                        waits.try_again(&mut attempts, failure, what).await?;
                    }
                }
            }
            Ok(entries)
        })
    }

    /// The next object; a request is made when what came with the last is used up.
    async fn next(
        &mut self,
        transfers: &Transfers,
        client: &Client,
    ) -> std::result::Result<Option<ObjectMeta>, Failure> {
        let _busy = transfers.connections.take().await;
        loop {
            let prefix = Some(&self.url.key);
            let stream = self.stream.get_or_insert_with(|| match &self.last {
                Some(last) => client.store.list_with_offset(prefix, last),
                None => client.store.list(prefix),
            });
            let waiting = tokio::time::timeout(transfers.settings.timeout, stream.next());
            let (next, answer) = answered(waiting).await;
            let has_asked = answer.status.is_some();
            add(&transfers.counters.gets, has_asked.into());
            let next = next.map_err(|_| Failure::passing("no answer came in time"))?;
            let next = next.transpose();
            let next = next.map_err(|error| Failure::of(&error, &answer))?;
            if has_asked {
                transfers.connections.good();
            }
            let Some(meta) = next else { return Ok(None) };
            if !self.is_known(&meta) {
                self.last = Some(meta.location.clone());
                return Ok(Some(meta));
            }
        }
    }

    /// Whether it was told before, or is the empty object that stands for a folder: its key ends with a slash, which clients
    /// leave out, and so it comes after keys that it is before.
    fn is_known(&mut self, meta: &ObjectMeta) -> bool {
        let is_behind = match &self.last {
            // Some stores start with the key behind which they were asked to start.
            Some(last) if *last == meta.location => return true,
            Some(last) => meta.location < *last,
            None => false,
        };
        let has_order = matches!(self.url.kind, Kind::S3 | Kind::Gcs);
        if meta.location == self.url.key || has_order && is_behind && meta.size == 0 {
            return true;
        }
        self.is_sorted &= !is_behind;
        false
    }

    fn entry(&self, meta: &ObjectMeta) -> Entry {
        let pin = Pin::of(meta);
        Entry {
            place: self.url.at(&meta.location).to_string().into(),
            length: pin.length,
            modified_ns: pin.modified_ns,
            etag: pin.etag,
        }
    }
}
