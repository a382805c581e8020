//! Logistic mixing: what the codecs of qualities, bases, names, fields and tags are made of.
//!
//! A value is coded as a row of binary decisions. For each decision several contexts each hold a probability in a
//! slot of a table; a mixer weighs these in the logistic domain, and an arithmetic coder codes the bit with the
//! result. Slots and weights learn from every bit, in the encoder and the decoder alike, so all of it is integer
//! arithmetic that gives the same on every machine; `spec/codecs.md` describes it.
//!
//! Models are written once for both directions: they are generic over [`Coder`], whose encoder writes the bit it is
//! given and whose decoder ignores that and gives the bit it reads. Code that uses them passes the true value when it
//! encodes and anything when it decodes, and goes on with what comes back.

mod coder;
mod lanes;
mod logistic;
mod mixer;
mod scores;
mod sets;
mod slots;

pub(crate) use coder::{Coder, Decoder, Encoder};
pub(crate) use lanes::Weights;
pub(crate) use lanes::{GROUP, Lanes, SYMBOLS, Second, Shares, Work, dispatch};
pub(crate) use logistic::{dot, squash, stretch, train};
pub(crate) use mixer::Mixer;
pub(crate) use scores::Scores;
pub(crate) use sets::{SETTLED, Sets};
pub(crate) use slots::Slot;

/// A hash of up to four numbers; every bit of the result depends on every bit of them.
pub(crate) fn hash(a: u32, b: u32, c: u32, d: u32) -> u32 {
    let mut x = u64::from(a).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = x.wrapping_add(u64::from(b).wrapping_mul(0xC2B2_AE3D_27D4_EB4F));
    x = x.wrapping_add(u64::from(c).wrapping_mul(0x1656_67B1_9E37_79F9));
    x = x.wrapping_add(u64::from(d).wrapping_mul(0xD6E8_FEB8_6659_FD93));
    x ^= x >> 29;
    x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (x >> 32) as u32
}

/// A hash of bytes, going on from `start`.
pub(crate) fn hash_bytes(bytes: &[u8], start: u32) -> u32 {
    bytes
        .iter()
        .fold(start, |state, &byte| hash(state, byte.into(), 77, 0))
}
