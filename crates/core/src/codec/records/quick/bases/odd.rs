//! Bases that are not A, C, G or T: mostly N, but any of BAM's 16 codes may stand.

use super::super::plain::{Symbols, flag};
use crate::codec::mixing::{Coder, Slot};
use crate::codec::records::{Records, part};

/// See the module's head.
#[derive(Clone)]
pub(super) struct Odd {
    /// By the last three of them and whether the record is a second read: whether a record has any.
    records: Vec<Slot>,
    /// By the last three of them, and whether the cycle had one last: whether a base is one.
    bases: Vec<Slot>,
    codes: Symbols<16>,
    last: usize,
    /// Whether each of the first 256 bases, in the order of sequencing, was odd in the last record that had any.
    cycles: Vec<bool>,
    code: usize,
}

impl Odd {
    pub(super) fn new() -> Self {
        Self {
            records: vec![Slot::NEW; 64],
            bases: vec![Slot::NEW; 64],
            codes: Symbols::new(16),
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
        let done = |settled: &[bool], at: usize| settled.get(at) == Some(&true);
        if !settled.is_empty() && settled.iter().all(|&done| done) {
            return;
        }
        let own = &mut bases[part(&records.base_ends, record)];
        let any = !C::DECODES
            && own.iter().fold(false, |any, &base| any | is_odd(base))
            && (0..own.len()).any(|at| !done(settled, at) && is_odd(own[at]));
        let flags = records.flags[record];
        let context =
            usize::from(flags >> 7 & 1) | usize::from(flags >> 1 & 2) | (self.last & 15) << 2;
        let slot = &mut self.records[context];
        let any = coder.code(any, slot.p().clamp(1, 65_535));
        slot.update(any, 1023);
        self.last = self.last << 1 | usize::from(any);
        if !any {
            return;
        }
        settled.resize(own.len(), false);
        let mut last = 0;
        for cycle in 0..own.len() {
            let at = if flags & 0x10 != 0 {
                own.len() - 1 - cycle
            } else {
                cycle
            };
            if settled[at] {
                continue;
            }
            let here = self.cycles.get(cycle) == Some(&true);
            let context = last & 15 | usize::from(here) << 4 | usize::from(cycle < 2) << 5;
            let odd = flag(coder, is_odd(own[at]), &mut self.bases[context]);
            last = last << 1 | usize::from(odd);
            if let Some(known) = self.cycles.get_mut(cycle) {
                *known = odd;
            }
            if odd {
                self.code = self.codes.code(coder, own[at].into(), self.code);
                own[at] = self.code as u8;
                settled[at] = true;
            }
        }
    }
}

/// Whether a code is none of A, C, G and T.
#[inline(always)]
fn is_odd(code: u8) -> bool {
    code & code.wrapping_sub(1) != 0 || code == 0
}
