//! Values of any type, byte by byte.

use super::super::Records;
use crate::Result;
use crate::codec::mixing::{Coder, Mixer, hash};
use crate::codec::wire::damaged;

/// The model of plain values.
#[derive(Clone)]
pub(crate) struct Model {
    bytes: Mixer<4, 16>,
    lengths: Mixer<2, 8>,
}

impl Model {
    /// A model that has seen nothing.
    pub(crate) fn new() -> Self {
        Self {
            bytes: Mixer::new(12, 255),
            lengths: Mixer::new(8, 255),
        }
    }

    /// Codes a column: each value's length, unless its type has one, and bytes.
    pub(crate) fn code_column<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &mut Records,
        column: usize,
    ) -> Result<()> {
        let mut taken = std::mem::take(&mut records.columns[column]);
        let key = taken.key();
        let width = match taken.kind {
            0..=2 | 8..=11 => 1,
            3 | 4 | 12 | 13 => 2,
            _ => 4,
        };
        let mut before: Vec<u8> = Vec::new();
        for at in 0..taken.records.len() {
            let truth = if C::DECODES {
                Vec::new()
            } else {
                taken.value(at).to_vec()
            };
            let length = if taken.kind < 8 {
                width
            } else {
                let contexts = [key, hash(key, before.len() as u32, 1, 0)];
                let count = (truth.len() / width) as u64;
                let count = self.lengths.number(coder, count, &contexts, 0);
                let length = usize::try_from(count).unwrap_or(usize::MAX);
                length.saturating_mul(width)
            };
            records.check_limit(taken.values.len().saturating_add(length))?;
            let mut value = Vec::with_capacity(length);
            for byte in 0..length {
                let last = |back: usize| value.len().checked_sub(back).map_or(0, |at| value[at]);
                let (a, b) = (last(1), last(2));
                let above = before.get(byte).copied().map_or(256, u32::from);
                let contexts = [
                    hash(key, a.into(), byte as u32 % 4, 1),
                    hash(key, a.into(), b.into(), last(3).into()),
                    hash(key, above, a.into(), 3),
                    hash(key, above, byte as u32, 4),
                ];
                let symbol = truth.get(byte).copied().unwrap_or(0).into();
                let symbol = self.bytes.symbol(coder, symbol, 8, &contexts, 0, 0);
                if symbol == 0 && matches!(taken.kind, 8 | 9) {
                    return Err(damaged("a string has a NUL"));
                }
                value.push(symbol as u8);
            }
            if C::DECODES {
                taken.values.extend_from_slice(&value);
                taken.ends.push(taken.values.len());
            }
            before = value;
        }
        records.columns[column] = taken;
        Ok(())
    }
}
