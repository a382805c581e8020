//! The other side of a client's connection: requests go out, and the heads of their answers come in.

use crate::body::{Framing, pass};
use crate::head::Head;
use crate::pace::Pace;
use crate::peer::{Buffer, LAST_WORDS, Peer};
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// Where the backend is, and a connection to it if one was kept.
#[derive(Debug)]
pub struct Backend {
    pub address: SocketAddr,
    kept: Option<Peer>,
}

/// The backend's answer so far.
#[derive(Debug)]
pub struct Answered {
    pub head: Head,
    /// Where the body comes from.
    pub peer: Peer,
    /// Whether all of the request was sent before the answer came.
    pub asked_all: bool,
    /// When it was.
    pub asked: Instant,
}

impl Backend {
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            kept: None,
        }
    }

    /// Keeps a connection that is good for another request.
    pub fn keep(&mut self, peer: Peer) {
        self.kept = Some(peer);
    }

    /// Sends a request with the client's body, and waits for the head of the answer. `count` hears of the body's bytes.
    pub async fn ask(
        &mut self,
        head: &Head,
        client: &mut Peer,
        mut framing: Framing,
        pace: &mut Pace,
        count: impl Fn(usize),
    ) -> io::Result<Answered> {
        let has_body = !framing.ended();
        if let Some(peer) = self.kept.take().filter(|peer| !peer.is_stale()) {
            match send(peer, head, client, &mut framing, pace, &count).await {
                // The backend closes connections that it has kept for long, sometimes just now.
                Err(_) if !has_body => {}
                answered => return answered,
            }
        }
        let peer = Peer::new(TcpStream::connect(self.address).await?)?;
        send(peer, head, client, &mut framing, pace, &count).await
    }
}

async fn send(
    mut peer: Peer,
    head: &Head,
    client: &mut Peer,
    framing: &mut Framing,
    pace: &mut Pace,
    count: impl Fn(usize),
) -> io::Result<Answered> {
    let (mut from, mut to) = peer.socket.split();
    to.write_all(&head.bytes()).await?;
    let mut early = None;
    let mut sent = Ok(());
    if !framing.ended() {
        let Peer { socket, buffer } = client;
        tokio::select! {
            biased;
            all = pass(socket, buffer, framing, &mut to, pace, None, count) => sent = all,
            head = final_head(&mut peer.buffer, &mut from) => early = Some(head?),
        }
    }
    let asked = Instant::now();
    let asked_all = early.is_none() && sent.is_ok();
    let head = match early {
        Some(head) => head,
        None if asked_all => final_head(&mut peer.buffer, &mut from).await?,
        // The backend may have answered before it closed; the client may have gone: then no answer comes.
        None => timeout(LAST_WORDS, final_head(&mut peer.buffer, &mut from)).await??,
    };
    Ok(Answered {
        head,
        peer,
        asked_all,
        asked,
    })
}

/// The head of an answer that is the last for its request: not "100 Continue" and the like.
async fn final_head(buffer: &mut Buffer, from: &mut (impl AsyncRead + Unpin)) -> io::Result<Head> {
    loop {
        let raw = buffer.head(from).await?;
        let head = Head::parse(&raw.ok_or(io::ErrorKind::UnexpectedEof)?)?;
        if !(100..200).contains(&head.status()) {
            return Ok(head);
        }
    }
}
