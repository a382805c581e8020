//! Writing an object: parts go to the store while later ones are still made, and nothing stands there before all of them are
//! known to be right. An upload that fails leaves neither an object nor parts.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use object_store::multipart::PartId;
use object_store::{ObjectStoreExt, PutMode};
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::client::Purpose;
use super::limits::Held;
use super::location::{Kind, ObjectUrl};
use super::sending::{Expected, Way, composite};
use super::transfers::Transfers;
use super::waiting::wait;
use crate::{Error, Result};

/// Least bytes of a part but the last: S3 takes none below 5 MiB.
const LEAST_PART: u64 = 8 << 20;

/// Most parts of an object.
const MOST_PARTS: u64 = 10_000;

/// Parts after which those of an object of unknown length become twice as large.
const DOUBLE_AFTER: u64 = 1_000;

/// An object on its way to its store.
pub struct Upload {
    way: Arc<Way>,
    /// Parts are this long; none: they grow, because it is not known how many there will be.
    part: Option<u64>,
    /// Name of the upload, once a part was sent.
    id: Option<String>,
    buffer: Vec<u8>,
    held: Option<Held>,
    tasks: VecDeque<JoinHandle<Result<PartId>>>,
    sent: Vec<PartId>,
    length: u64,
    /// Of what was handed to the store.
    sha256: Sha256,
    crc64: crc_fast::Digest,
    force: bool,
    stop: Arc<AtomicBool>,
}

impl Upload {
    /// Starts an object at `url`, of about `expected` bytes at most. Refuses to replace one unless `force`.
    pub fn start(
        url: &ObjectUrl,
        force: bool,
        expected: Option<u64>,
        stop: &Arc<AtomicBool>,
    ) -> Result<Self> {
        let transfers = Transfers::of_process()?;
        let purpose = if force {
            Purpose::Usual
        } else {
            Purpose::Creating
        };
        let client = transfers.client(url, purpose)?;
        if client.parts.is_none() {
            return Err(Error::Invalid(format!(
                "{url}: nothing can be written to a web server; write to a file or an object store"
            )));
        }
        let way = Arc::new(Way {
            transfers,
            client,
            url: url.clone(),
        });
        if !force {
            way.refuse_existing(stop)?;
        }
        let most = way.transfers.memory.most() / 4;
        // What is written may be somewhat longer than what it is made from.
        let part = expected.map(|length| {
            let part = (length + length / 50).div_ceil(MOST_PARTS - 1);
            part.next_multiple_of(1 << 20).max(LEAST_PART.min(most))
        });
        if part.is_some_and(|part| part > most) {
            return Err(Error::Invalid(format!(
                "{url}: its parts would be too large for the memory of transfers; give more (--memory)"
            )));
        }
        Ok(Self {
            way,
            part,
            id: None,
            buffer: Vec::new(),
            held: None,
            tasks: VecDeque::new(),
            sent: Vec::new(),
            length: 0,
            sha256: Sha256::new(),
            crc64: crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme),
            force,
            stop: stop.clone(),
        })
    }

    /// Bytes of the part at hand.
    fn part_length(&self) -> u64 {
        self.part.unwrap_or_else(|| {
            let parts = self.sent.len() + self.tasks.len();
            let most = self.way.transfers.memory.most() / 4;
            (LEAST_PART << (parts as u64 / DOUBLE_AFTER)).min(most)
        })
    }

    /// Takes memory for a part, waiting for parts to have been sent.
    fn take_memory(&mut self) -> Result<()> {
        let want = self.part_length();
        while self.held.is_none() {
            self.held = self.way.transfers.memory.try_take(want);
            if self.held.is_none() {
                if self.tasks.is_empty() {
                    // Others have it; they give it back.
                    self.way.transfers.memory.wait(Duration::from_millis(20));
                    if self.stop.load(Ordering::Relaxed) {
                        return Err(Error::Interrupted);
                    }
                } else {
                    self.settle_one()?;
                }
            }
        }
        Ok(())
    }

    /// Waits until the oldest part has been sent.
    fn settle_one(&mut self) -> Result<()> {
        let Some(task) = self.tasks.pop_front() else {
            return Ok(());
        };
        let part = wait(&self.way.transfers, &self.stop, async {
            task.await.unwrap_or(Err(Error::Interrupted))
        })?;
        self.sent.push(part);
        Ok(())
    }

    /// Hands the part at hand to the store.
    fn send(&mut self) -> Result<()> {
        let id = match &self.id {
            Some(id) => id.clone(),
            None => wait(&self.way.transfers, &self.stop, self.way.begin())?,
        };
        self.id = Some(id.clone());
        let bytes = Bytes::from(std::mem::take(&mut self.buffer));
        let held = self.held.take();
        self.note(&bytes);
        let number = self.sent.len() + self.tasks.len();
        if number as u64 >= MOST_PARTS {
            return Err(Error::Invalid(format!(
                "{}: is too long for an object of {MOST_PARTS} parts; give more memory for larger ones (--memory)",
                self.way.url
            )));
        }
        let way = self.way.clone();
        let task = self.way.transfers.runtime.spawn(async move {
            let _held = held;
            way.part(&id, number, bytes).await
        });
        self.tasks.push_back(task);
        Ok(())
    }

    fn note(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.crc64.update(bytes);
    }

    /// Puts the object in its place, if its bytes are those of which `sha256` is the digest, and reads back what the store says of
    /// them.
    pub fn publish(mut self, sha256: Option<&[u8; 32]>) -> Result<()> {
        let in_parts = self.id.is_some();
        if in_parts && !self.buffer.is_empty() {
            self.send()?;
        }
        let rest = Bytes::from(std::mem::take(&mut self.buffer));
        self.note(&rest);
        while !self.tasks.is_empty() {
            self.settle_one()?;
        }
        let handed: [u8; 32] = self.sha256.clone().finalize().into();
        if sha256.is_some_and(|sha256| *sha256 != handed) {
            return Err(Error::Damaged(format!(
                "{}: what was handed to the store is not what was proved; memory is faulty. Nothing was published",
                self.way.url
            )));
        }
        let way = self.way.clone();
        let (transfers, stop) = (&way.transfers, self.stop.clone());
        if !self.force && !way.is_conditional(in_parts) {
            way.refuse_existing(&stop)?;
        }
        let expected = Expected {
            length: self.length,
            crc64: self.crc64.finalize(),
            in_parts,
            etag: (in_parts && way.url.kind == Kind::S3)
                .then(|| composite(&self.sent))
                .flatten(),
        };
        if let Some(id) = &self.id {
            let parts = self.sent.clone();
            wait(transfers, &stop, way.complete(id, parts, &expected))?;
            // There is nothing to abort from here on.
            self.id = None;
        } else {
            let mode = if self.force {
                PutMode::Overwrite
            } else {
                PutMode::Create
            };
            wait(transfers, &stop, way.whole(rest, mode))?;
        }
        let checking = match way.url.kind {
            Kind::S3 => transfers.client(&way.url, Purpose::Checking),
            _ => Ok(way.client.clone()),
        };
        let read_back =
            checking.and_then(|client| wait(transfers, &stop, way.read_back(&client, &expected)));
        if read_back.is_err() {
            remove(&way);
        }
        read_back
    }
}

/// Deletes the object of an upload that turned out wrong; when that fails too, the error that is told says what stands there.
fn remove(way: &Way) {
    let stop = Arc::new(AtomicBool::new(false));
    let delete = async {
        // What it failed of is told already.
        let _ = way.client.store.delete(&way.url.key).await;
        Ok(())
    };
    let _ = wait(&way.transfers, &stop, delete);
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        if self.held.is_none() {
            self.take_memory().map_err(Error::into_io)?;
        }
        let room = (self.part_length() as usize).saturating_sub(self.buffer.len());
        let taken = bytes.len().min(room.max(1));
        self.buffer.extend_from_slice(&bytes[..taken]);
        self.length += taken as u64;
        if self.buffer.len() as u64 >= self.part_length() {
            self.send().map_err(Error::into_io)?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        let (Some(id), Some(parts)) = (self.id.take(), &self.way.client.parts) else {
            return;
        };
        let tasks = std::mem::take(&mut self.tasks);
        let stop = Arc::new(AtomicBool::new(false));
        let abort = async {
            for task in tasks {
                // Parts that are still on their way would come after the end.
                let _ = task.await;
            }
            let abort = parts.abort_multipart(&self.way.url.key, &id);
            // What cannot be aborted is for the bucket's rule for incomplete uploads.
            let _ = timeout(self.way.transfers.settings.timeout, abort).await;
            Ok(())
        };
        let _ = wait(&self.way.transfers, &stop, abort);
    }
}
