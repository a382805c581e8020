//! Threads that wait for the network. A process that was forked has none of its parent's: it gets its own.

use std::sync::{Arc, Mutex};

use tokio::runtime::{Builder, Runtime};

use super::waiting::lock;
use crate::{Error, Result};

/// Threads: sending and receiving takes little beside decoding.
const THREADS: usize = 2;

static RUNTIME: Mutex<Option<(u32, Arc<Runtime>)>> = Mutex::new(None);

/// The runtime of this process, and the process's number, by which others notice that they were forked.
pub fn runtime() -> Result<(u32, Arc<Runtime>)> {
    let process = std::process::id();
    let mut known = lock(&RUNTIME);
    if let Some((of, runtime)) = &*known
        && *of == process
    {
        return Ok((process, runtime.clone()));
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("readvault-store")
        .enable_all()
        .build()
        .map_err(|source| Error::Store {
            context: "cannot start the threads that wait for the network".into(),
            source,
        })?;
    let runtime = Arc::new(runtime);
    // One of a parent's would wait for threads that are not here.
    std::mem::forget(known.replace((process, runtime.clone())));
    Ok((process, runtime))
}
