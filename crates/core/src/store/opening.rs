//! The first requests for an object: its facts, and what is needed of it first.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use object_store::GetRange;

use super::client::Client;
use super::location::ObjectUrl;
use super::request::{Pin, Requests};
use super::transfers::Transfers;
use super::waiting::wait;
use crate::{Error, Result};

/// What of an object is fetched first, with the facts of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// So many bytes of its start.
    Start(u64),
    /// So many bytes of its start, and so many of its end.
    Ends(u64, u64),
}

/// Bytes of an object, each with the offset of the first.
pub type Pieces = Vec<(u64, Vec<u8>)>;

/// Facts of an object and what is needed of it first.
pub fn begin(
    transfers: &Arc<Transfers>,
    client: &Client,
    url: &ObjectUrl,
    first: First,
    stop: &AtomicBool,
) -> Result<(Pin, Pieces)> {
    let requests = Requests {
        transfers,
        client,
        url,
    };
    wait(transfers, stop, async {
        match first {
            First::Start(length) => {
                let (pin, place, bytes) = requests.first(GetRange::Bounded(0..length)).await?;
                Ok((pin, vec![(place.start, bytes)]))
            }
            First::Ends(start, end) => {
                let from_end = requests.first(GetRange::Suffix(end));
                let from_start = requests.first(GetRange::Bounded(0..start));
                let (end, start) = tokio::try_join!(from_end, from_start)?;
                let (pin, place, bytes) = end;
                let (other, _, mut head) = start;
                if pin != other {
                    return Err(Error::Store {
                        context: format!("cannot read {url}"),
                        source: std::io::Error::other(
                            "it changed while it was opened; start again",
                        ),
                    });
                }
                // What both have is the end's.
                head.truncate(usize::try_from(place.start).unwrap_or(usize::MAX));
                Ok((pin, vec![(0, head), (place.start, bytes)]))
            }
        }
    })
}
