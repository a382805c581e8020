//! One side of the proxy: a socket, and the bytes that came from it and are not yet passed on.

use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpStream;

/// Bytes that are read at once: few calls at full speed, and little enough for the caches with 50 connections.
const BUFFER: usize = 256 << 10;

/// Time to wait for what the other end may still say when a connection ends.
pub const LAST_WORDS: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Peer {
    pub socket: TcpStream,
    pub buffer: Buffer,
}

impl Peer {
    pub fn new(socket: TcpStream) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            buffer: Buffer::new(),
        })
    }

    /// Whether the other end has closed, or sent what nobody asked for: neither is good for another request.
    pub fn is_stale(&self) -> bool {
        let waits = matches!(self.socket.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        !waits || !self.buffer.is_empty()
    }
}

/// Bytes on their way.
#[derive(Debug)]
pub struct Buffer {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buffer {
    pub fn new() -> Self {
        Self {
            bytes: vec![0; BUFFER].into_boxed_slice(),
            start: 0,
            end: 0,
        }
    }

    pub fn held(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.end]
    }

    fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub fn consume(&mut self, count: usize) {
        self.start += count;
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Reads what is there, or waits for the first bytes; 0 at the end. Nothing is lost if this is dropped.
    pub async fn fill(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        if self.end == self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let count = from.read(&mut self.bytes[self.end..]).await?;
        self.end += count;
        Ok(count)
    }

    /// The next head with the empty line that ends it; none at the end. Nothing is lost if this is dropped.
    pub async fn head(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(place) = self.held().windows(4).position(|four| four == b"\r\n\r\n") {
                let head = self.held()[..place + 4].to_vec();
                self.consume(head.len());
                return Ok(Some(head));
            }
            if self.end - self.start == self.bytes.len() {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a head is too long",
                ));
            }
            if self.fill(from).await? == 0 {
                return match self.is_empty() {
                    true => Ok(None),
                    false => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        }
    }
}
