//! Frames: what stands between header and footer. A frame is a kind byte, a 32-bit payload length and the payload,
//! so that an archive can be walked from the front even when its trailer is lost.

use crate::{Error, Result};

/// Bytes before a frame's payload.
pub const HEAD_LENGTH: u64 = 5;

/// What a frame holds. The values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Start of a group: its key part.
    Group = b'G',
    /// A chunk.
    Chunk = b'C',
    /// A piece of an attachment.
    Attachment = b'A',
    /// A directory page.
    Page = b'P',
    /// The trailer.
    Trailer = b'T',
}

/// The five bytes before a payload of `length` bytes.
pub fn head(kind: Kind, length: u32) -> [u8; HEAD_LENGTH as usize] {
    let [a, b, c, d] = length.to_le_bytes();
    [kind as u8, a, b, c, d]
}

/// Takes the payload out of a whole frame that must be of `kind`.
pub fn payload<'a>(frame: &'a [u8], kind: Kind, what: &str) -> Result<&'a [u8]> {
    let Some((start, payload)) = frame.split_at_checked(HEAD_LENGTH as usize) else {
        return Err(Error::Truncated(format!("{what} ends inside its frame")));
    };
    let length = u32::try_from(payload.len())
        .map_err(|_| Error::Damaged(format!("{what} is too long for a frame")))?;
    if start != head(kind, length) {
        return Err(Error::Damaged(format!(
            "{what}: its frame is not what the directory says"
        )));
    }
    Ok(payload)
}
