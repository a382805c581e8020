//! Bases that are not A, C, G or T: mostly N, but any of BAM's 16 codes may stand.

use crate::codec::mixing::{Coder, Mixer};
use crate::codec::records::{Records, part};

/// See the module's head.
#[derive(Clone)]
pub(super) struct Odd {
    records: Mixer<3, 1>,
    places: Mixer<4, 1>,
    codes: Mixer<2, 1>,
    last: u32,
    /// Whether each of the first 256 bases, in the order of sequencing, was odd in the last record that had any.
    cycles: Vec<bool>,
    code: u8,
}

impl Odd {
    pub(super) fn new() -> Self {
        Self {
            records: Mixer::new(6, 1023),
            places: Mixer::new(8, 255),
            codes: Mixer::new(4, 255),
            last: 0,
            cycles: vec![false; 256],
            code: 15,
        }
    }

    /// Codes the odd bases of a record and settles them.
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        records: &Records,
        bases: &mut [u8],
        record: usize,
        settled: &mut Vec<bool>,
    ) {
        let within = part(&records.base_ends, record);
        if !settled.is_empty() && settled.iter().all(|&done| done) {
            return;
        }
        let own = &mut bases[within];
        let done = |settled: &[bool], at: usize| settled.get(at) == Some(&true);
        let any = !C::DECODES && (0..own.len()).any(|at| !done(settled, at) && is_odd(own[at]));
        let flags = u32::from(records.flags[record]);
        let contexts = [
            self.last & 15,
            flags >> 6 & 3 | flags >> 1 & 2 | self.last << 4 & 0x10,
            flags & 0xf14 | self.last << 12 & 0x3000,
        ];
        let any = self.records.flag(coder, any, &contexts, 0);
        self.last = self.last << 1 | u32::from(any);
        if !any {
            return;
        }
        settled.resize(own.len(), false);
        let length = own.len();
        let reverse = flags & 0x10 != 0;
        let mut last = 0u32;
        let mut count = 0u32;
        for cycle in 0..length {
            let at = if reverse { length - 1 - cycle } else { cycle };
            if settled[at] {
                continue;
            }
            let here = u32::from(self.cycles.get(cycle) == Some(&true));
            let contexts = [
                last & 7 | here << 3,
                (cycle as u32).min(255) | (last & 1) << 8 | here << 9,
                last & 0xff,
                (count.min(3)) | here << 2 | (last & 1) << 3,
            ];
            let odd = self.places.flag(coder, is_odd(own[at]), &contexts, 0);
            last = last << 1 | u32::from(odd);
            if let Some(known) = self.cycles.get_mut(cycle) {
                *known = odd;
            }
            if odd {
                count += 1;
                let contexts = [self.code.into(), 0];
                let symbol = self.codes.symbol(coder, own[at].into(), 4, &contexts, 0, 0);
                own[at] = symbol as u8;
                self.code = own[at];
                settled[at] = true;
            }
        }
    }
}

/// Whether a code is none of A, C, G and T.
#[inline]
fn is_odd(code: u8) -> bool {
    !matches!(code, 1 | 2 | 4 | 8)
}
