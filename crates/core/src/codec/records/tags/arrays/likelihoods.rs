//! Probabilities of base modifications (ML), given what MM says was called: the bases around each call, their
//! qualities, the calls before it, and what other reads of the chunk had at its place of the reference.

use std::collections::HashMap;

use super::bases::{kmer, oriented, positions};
use super::modifications::{Call, Section, calls, parse};
use crate::codec::mixing::{hash, hash_bytes};
use crate::codec::records::Records;

/// Contexts of an element.
pub(super) const CONTEXTS: usize = 7;

/// What reads of the chunk said of a place of the reference.
#[derive(Clone, Copy, Default)]
struct Site {
    last: u8,
    /// Probabilities so far, at most 15, and their mean times 16.
    count: u8,
    mean: u16,
}

/// Sites by reference, position and kind of modification. They are looked up, never listed.
#[derive(Default)]
pub(super) struct Sites(HashMap<(i32, i64, u32), Site>);

/// The calls of one record.
pub(super) struct Calls {
    calls: Vec<Call>,
    /// A number for each section's head.
    kinds: Vec<u32>,
    bases: Vec<u8>,
    /// In the order of sequencing.
    qualities: Vec<u8>,
    /// Reference position of each call.
    places: Vec<Option<i64>>,
    reference: i32,
    /// The probability last seen at each base, and from which call.
    seen: Vec<u16>,
    /// Probabilities before the one to be coded, and their mean times 16, by code.
    last: [u8; 2],
    mean: u32,
    /// The site of the element that is coded.
    key: Option<(i32, i64, u32)>,
    site: Site,
}

impl Calls {
    /// The calls that a record's text `text` (MM) makes; none if it is none that is understood.
    pub(super) fn of(records: &Records, record: usize, text: &[u8]) -> Option<Self> {
        let sections = parse(text)?;
        let bases = oriented(records, record);
        let calls = calls(&sections, &bases);
        let reverse = records.flags[record] & 16 != 0;
        let mut qualities = records.qualities_of(record).to_vec();
        let positions = positions(records, record);
        if reverse {
            qualities.reverse();
        }
        let place = |call: &Call| {
            let at = call.position? as usize;
            let stored = if reverse {
                positions.len() - 1 - at
            } else {
                at
            };
            // Both bases of a CpG have the position of its C.
            let pair = bases.get(at + 1) == Some(&4) && bases[at] == 2;
            Some(positions[stored]? - i64::from(reverse && pair))
        };
        let kind = |section: &Section| hash_bytes(&section.head, 3);
        Some(Self {
            places: calls.iter().map(place).collect(),
            kinds: sections.iter().map(kind).collect(),
            seen: vec![0; bases.len()],
            calls,
            bases,
            qualities,
            reference: records.references[record],
            last: [0; 2],
            mean: 128 * 16,
            key: None,
            site: Site::default(),
        })
    }

    /// How many probabilities there should be.
    pub(super) fn count(&self) -> usize {
        self.calls.len()
    }

    /// The contexts of the probability numbered `at`.
    pub(super) fn contexts(&mut self, at: usize, sites: &Sites) -> [u32; CONTEXTS] {
        let Some(call) = self.calls.get(at) else {
            self.key = None;
            return [1; CONTEXTS];
        };
        let kind = hash(
            self.kinds[usize::from(call.section)],
            call.code.into(),
            0,
            0,
        );
        self.key = self.places[at].map(|place| (self.reference, place, kind));
        self.site = self
            .key
            .and_then(|key| sites.0.get(&key).copied())
            .unwrap_or_default();
        let site = self.site;
        let known = u32::from(site.count.min(3));
        let (mean, one) = (self.mean / 16, u32::from(self.last[0]));
        let base = call
            .position
            .map_or(usize::MAX / 2, |position| position as usize);
        let quality = |at: usize| u32::from(self.qualities.get(at).copied().unwrap_or(0));
        let here = kmer(&self.bases, base, 3, 4);
        let other = u32::from(self.seen.get(base).copied().unwrap_or(0));
        let before = at.checked_sub(1).and_then(|at| self.calls[at].position);
        let far = before.map_or(31, |before| {
            (base.wrapping_sub(before as usize) / 4).min(31) as u32
        });
        [
            hash(kind, site.last.into(), known, other),
            hash(
                kind,
                u32::from(site.mean / 128),
                known,
                one / 32 | other << 8,
            ),
            hash(kind, here >> 4 & 0xff_ffff, other, 2),
            hash(
                kind,
                quality(base),
                quality(base + 1),
                one / 64 | other << 8,
            ),
            hash(kind, one, u32::from(self.last[1]) / 32, other),
            hash(kind, mean / 8, one / 32 | far << 8, other),
            hash(kind, here, one / 64, other),
        ]
    }

    /// Learns the probability numbered `at`, whose contexts were asked for last.
    pub(super) fn learn(&mut self, at: usize, value: u8, sites: &mut Sites) {
        self.last = [value, self.last[0]];
        let scaled = u32::from(value) * 16;
        self.mean = (self.mean * 15 + scaled) / 16;
        if let Some(key) = self.key {
            let mut site = self.site;
            site.last = value;
            let (mean, count) = (u32::from(site.mean), u32::from(site.count));
            site.mean = ((mean * count + scaled) / (count + 1)) as u16;
            site.count = (site.count + 1).min(15);
            sites.0.insert(key, site);
        }
        let position = self.calls.get(at).and_then(|call| call.position);
        if let Some(seen) = position.and_then(|at| self.seen.get_mut(at as usize)) {
            *seen = 1 + u16::from(value);
        }
    }
}
