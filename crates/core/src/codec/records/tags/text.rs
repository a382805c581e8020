//! Texts that no better way is known for, byte by byte.

use crate::Result;
use crate::codec::mixing::{Coder, Mixer, hash};
use crate::codec::wire::damaged;

/// The model of such texts.
#[derive(Clone)]
pub(crate) struct Model {
    bytes: Mixer<4, 1>,
}

impl Model {
    /// A model that has seen nothing.
    pub(crate) fn new() -> Self {
        Self {
            bytes: Mixer::new(8, 255),
        }
    }

    /// Codes `text`, which has no NUL and, when decoding, at most `most` bytes.
    pub(crate) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        text: &[u8],
        salt: u32,
        most: usize,
    ) -> Result<Vec<u8>> {
        let mut coded: Vec<u8> = Vec::new();
        loop {
            let at = coded.len();
            let last = |back: usize| u32::from(at.checked_sub(back).map_or(0, |at| coded[at]));
            let contexts = [
                hash(salt, last(1), 0, 1),
                hash(salt, last(1), last(2), 2),
                hash(salt, last(1) | last(2) << 8, last(3) | last(4) << 8, 3),
                hash(salt, last(1), at.min(20) as u32, 4),
            ];
            let byte = text.get(at).copied().unwrap_or(0).into();
            match self.bytes.symbol(coder, byte, 8, &contexts, salt, 0) {
                0 => return Ok(coded),
                _ if C::DECODES && at >= most => {
                    return Err(damaged("a text is longer than the chunk"));
                }
                byte => coded.push(byte as u8),
            }
        }
    }
}
