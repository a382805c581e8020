//! Bodies: where one ends, and how it passes from one side to the other, at the pace of the connection and with what a
//! fault does to it on the way.

use crate::pace::Pace;
use crate::peer::Buffer;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

/// How a body ends.
#[derive(Debug)]
pub enum Framing {
    /// After so many more bytes.
    Length(u64),
    /// With its last chunk.
    Chunked(Chunks),
    /// With the connection.
    UntilClose,
}

/// Where in a chunked body we stand. Its bytes pass as they are; only the end must be found.
#[derive(Debug)]
pub enum Chunks {
    /// Within the line of a chunk's length.
    Size {
        size: u64,
        extension: bool,
    },
    /// Within a chunk's bytes and the line break after them.
    Data(u64),
    /// Within a trailer's line; how many bytes it has.
    Trailer(u64),
    End,
}

impl Framing {
    pub fn chunked() -> Self {
        Self::Chunked(Chunks::Size {
            size: 0,
            extension: false,
        })
    }

    /// Bytes that are left, if that is known.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Length(left) => Some(*left),
            Self::Chunked(_) | Self::UntilClose => None,
        }
    }

    pub fn ended(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunks::End))
    }

    /// How many of these bytes belong to the body; they count as passed.
    fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::UntilClose => Ok(bytes.len()),
            Self::Length(left) => {
                let taken =
                    usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= taken as u64;
                Ok(taken)
            }
            Self::Chunked(chunks) => {
                let mut taken = 0;
                while taken < bytes.len() && !matches!(chunks, Chunks::End) {
                    taken += chunks.step(&bytes[taken..])?;
                }
                Ok(taken)
            }
        }
    }
}

impl Chunks {
    /// Takes at least one byte of at least one; says how many.
    fn step(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let byte = bytes[0];
        match self {
            Self::Size { size, .. } if byte == b'\n' => {
                *self = match *size {
                    0 => Self::Trailer(0),
                    size => Self::Data(size + 2),
                }
            }
            Self::Size { size, extension } => match char::from(byte).to_digit(16) {
                Some(digit) if !*extension => {
                    if *size >> 56 != 0 {
                        return Err(io::Error::new(
                            io::ErrorKind::InvalidData,
                            "a chunk's length is too long",
                        ));
                    }
                    *size = *size << 4 | u64::from(digit);
                }
                _ => *extension = true,
            },
            Self::Data(left) => {
                let taken =
                    usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= taken as u64;
                if *left == 0 {
                    *self = Self::Size {
                        size: 0,
                        extension: false,
                    };
                }
                return Ok(taken);
            }
            Self::Trailer(0) if byte == b'\n' => *self = Self::End,
            Self::Trailer(length) => match byte {
                b'\n' => *length = 0,
                b'\r' => {}
                _ => *length += 1,
            },
            Self::End => {}
        }
        Ok(1)
    }
}

/// What happens to a body at its byte `at`.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    pub at: u64,
    pub event: Event,
}

#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// It ends here.
    Cut,
    /// A bit of this byte is another.
    Flip(u8),
    /// Nothing comes for a while.
    Stall(Duration),
}

/// Passes a body on until it ends or is cut. `count` hears of bytes before they pass.
pub async fn pass(
    from: &mut (impl AsyncRead + Unpin),
    buffer: &mut Buffer,
    framing: &mut Framing,
    to: &mut (impl AsyncWrite + Unpin),
    pace: &mut Pace,
    mut mark: Option<Mark>,
    mut count: impl FnMut(usize),
) -> io::Result<()> {
    let mut passed = 0;
    while !framing.ended() {
        if buffer.held().is_empty() && buffer.fill(from).await? == 0 {
            return match framing {
                Framing::UntilClose => Ok(()),
                _ => Err(io::ErrorKind::UnexpectedEof.into()),
            };
        }
        let taken = framing.take(buffer.held())?;
        let mut start = 0;
        while start < taken {
            let mut end = taken.min(start.saturating_add(pace.slice()));
            if let Some(Mark { at, event }) = mark
                && at < passed + (end - start) as u64
            {
                // The bytes before the mark pass first; then it is at the start of a piece.
                end = start + (at - passed) as usize;
                if start == end {
                    mark = None;
                    match event {
                        Event::Cut => return Ok(()),
                        Event::Flip(bit) => buffer.held()[start] ^= 1 << (bit & 7),
                        Event::Stall(time) => tokio::time::sleep(time).await,
                    }
                    continue;
                }
            }
            pace.wait(end - start).await;
            count(end - start);
            to.write_all(&buffer.held()[start..end]).await?;
            passed += (end - start) as u64;
            start = end;
        }
        buffer.consume(taken);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunked_body_ends_where_it_ends() {
        let body =
            b"5;name=value\r\nhello\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nX-Sum: 1\r\n\r\n";
        let mut all = body.to_vec();
        all.extend_from_slice(b"HTTP/1.1 200 OK");
        for step in [1, 2, 7, all.len()] {
            let mut framing = Framing::chunked();
            let taken: usize = all
                .chunks(step)
                .map(|piece| framing.take(piece).unwrap())
                .sum();
            assert_eq!(
                (taken, framing.ended()),
                (body.len(), true),
                "pieces of {step}"
            );
        }
    }

    #[test]
    fn a_body_without_trailers_ends_too() {
        let mut framing = Framing::chunked();
        assert_eq!(framing.take(b"0\r\n\r\nnext").unwrap(), 5);
        assert!(framing.ended());
    }
}
