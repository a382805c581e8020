//! Probabilities of base modifications (ML), given what MM says was called: the bases around each call, their
//! qualities, the calls before it, and what other reads of the chunk had at its place of the reference.

use std::collections::HashMap;

use super::bases::{complement, kmer, oriented, positions};
use super::modifications::{Call, Section, calls, parse};
use crate::codec::mixing::{hash, hash_bytes};
use crate::codec::records::Records;

/// Calls of a record that are followed: they take 40 bytes each.
const MOST_CALLS: usize = 1 << 20;
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
    /// Where each call lies, so that other reads' calls of the same base have the same: reference (-2 if it is not the
    /// reference's) and position or a hash of the bases around.
    places: Vec<(i32, i64)>,
    /// Skips around each call, hashed.
    skips: Vec<u32>,
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
        let count = |section: &Section| section.skips.len() * section.codes();
        if sections.iter().map(count).sum::<usize>() > MOST_CALLS {
            return None;
        }
        let bases = oriented(records, record);
        let calls = calls(&sections, &bases);
        let reverse = records.flags[record] & 16 != 0;
        let mut qualities = records.qualities_of(record).to_vec();
        let positions = positions(records, record);
        if reverse {
            qualities.reverse();
        }
        let on_reference = |call: &Call| {
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
        let skips: Vec<u32> = around(&sections);
        let place = |(number, call): (usize, &Call)| match (on_reference(call), call.position) {
            (Some(position), _) => (records.references[record], position),
            (None, Some(at)) => (-2, window(&bases, at as usize).into()),
            (None, None) => (-3, skips[number].into()),
        };
        let kind = |section: &Section| hash_bytes(&section.head, 3);
        Some(Self {
            places: calls.iter().enumerate().map(place).collect(),
            skips,
            kinds: sections.iter().map(kind).collect(),
            seen: vec![0; bases.len()],
            calls,
            bases,
            qualities,
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
        let place = self.places[at];
        self.key = Some((place.0, place.1, kind));
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
        let here = match call.position {
            Some(_) => kmer(&self.bases, base, 3, 4),
            None => self.skips[at],
        };
        let least = quality(base).min(quality(base + 1));
        let around: u32 = (0..8)
            .map(|step| quality((base + step).wrapping_sub(3)))
            .sum();
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
                (one / 32) | other << 8,
            ),
            hash(kind, here >> 4 & 0xff_ffff, other, 2),
            hash(kind, around / 8, 0, other),
            hash(
                kind,
                here >> 8 & 0xffff,
                quality(base) / 4,
                quality(base + 1) / 4,
            ),
            hash(kind, mean / 8, (one / 32) | far << 8, other),
            hash(
                kind,
                least / 2,
                u32::from(site.last) / 16,
                known | other << 8,
            ),
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

/// A hash of the 20 bases around a base and the one behind it, the same for both strands of a CpG.
fn window(bases: &[u8], at: usize) -> u32 {
    let (mut forward, mut backward) = (0, 0);
    for step in 0..20 {
        let one = bases.get((at + step).wrapping_sub(9)).copied().unwrap_or(0);
        let other = bases
            .get((at + 10).wrapping_sub(step))
            .copied()
            .unwrap_or(0);
        forward = hash(forward, one.into(), 1, 0);
        backward = hash(backward, complement(other).into(), 1, 0);
    }
    forward.min(backward)
}

/// For each call a hash of the skips before it, the one before that, and the one behind.
fn around(sections: &[Section]) -> Vec<u32> {
    let mut all = Vec::new();
    for section in sections {
        for (at, &skip) in section.skips.iter().enumerate() {
            let before = at.checked_sub(1).map_or(0, |at| section.skips[at]);
            let behind = section.skips.get(at + 1).copied().unwrap_or(0);
            let hashed = hash(skip, before, behind, 5);
            all.extend(std::iter::repeat_n(hashed, section.codes()));
        }
    }
    all
}
