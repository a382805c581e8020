//! An HTTP/1.1 proxy on loopback that delays, slows and breaks what passes, so that tests and benchmarks meet the
//! network that object stores are behind, repeatably and without one.
//!
//! Each connection of a client has one of its own to the backend. Heads are parsed, bodies pass as they come. What the
//! client sent stays as it is, the Host header too: signatures (AWS SigV4) cover it, so a client that signs for the
//! proxy's address is believed by the backend. For the same reason no fault changes a request; all are made in answers.

#![forbid(unsafe_code)]

mod answers;
mod backend;
mod body;
mod connection;
mod control;
mod dice;
mod head;
mod pace;
mod peer;
mod settings;
mod state;

pub use settings::{Fault, Planned, Settings};

use state::Shared;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Where a started proxy listens.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    pub proxy: SocketAddr,
    pub control: SocketAddr,
}

/// Starts a proxy in front of `backend` on the runtime it is called on, and ends with it. Port 0 is any free one.
pub async fn start(
    backend: &str,
    proxy: SocketAddr,
    control: SocketAddr,
    settings: Settings,
) -> io::Result<Addresses> {
    let backend = tokio::net::lookup_host(backend)
        .await?
        .next()
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("{backend}: no address")))?;
    let shared = Arc::new(Shared::new(settings));
    let proxy = TcpListener::bind(proxy).await?;
    let control = TcpListener::bind(control).await?;
    let addresses = Addresses {
        proxy: proxy.local_addr()?,
        control: control.local_addr()?,
    };
    tokio::spawn(connection::serve(proxy, backend, Arc::clone(&shared)));
    tokio::spawn(control::serve(control, shared));
    Ok(addresses)
}
