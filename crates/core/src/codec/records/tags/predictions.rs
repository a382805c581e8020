//! What the integer tags of the usual programs are expected to be, given the alignment, the mate and other tags.

use super::super::Records;
use super::facts::{Fact, Facts};
use super::values::{Integers, Known};
use crate::codec::mixing::hash;

/// Predictions of a value: first those for its tag, then those that any tag may follow.
pub(crate) const CANDIDATES: usize = 12;

/// How many of them are for the tag.
pub(crate) const OF_TAG: usize = 4;

/// Predictions of a value, and two numbers that tell what else it may depend on.
#[derive(Default)]
pub(crate) struct Expected {
    pub(crate) candidates: [Option<i64>; CANDIDATES],
    pub(crate) hints: [u32; 2],
}

/// What a value is predicted from.
pub(crate) struct View<'a> {
    pub(crate) records: &'a Records,
    pub(crate) facts: &'a Facts,
    pub(crate) known: &'a Known,
    /// The values of its own column before it.
    pub(crate) coded: &'a Integers,
    pub(crate) tag: [u8; 2],
    pub(crate) record: usize,
    pub(crate) mate: Option<usize>,
    pub(crate) twin: Option<usize>,
}

impl View<'_> {
    pub(crate) fn fact(&self) -> &Fact {
        self.facts.of(self.record)
    }

    pub(crate) fn mapq(&self) -> u32 {
        self.records.mapq[self.record].into()
    }

    /// The value of a tag in this record.
    pub(crate) fn own(&self, tag: [u8; 2]) -> Option<i64> {
        self.known.of(tag, self.record)
    }

    /// The value of a tag in the mate.
    pub(crate) fn of_mate(&self, tag: [u8; 2]) -> Option<i64> {
        self.mate.and_then(|mate| self.known.of(tag, mate))
    }

    /// The predictions for the value of `tag` in the record; `last` is the value before it in its column.
    pub(crate) fn expected(&self, last: i64) -> Expected {
        let mut expected = Expected::default();
        self.of_tag(&mut expected);
        let linked = self.records.linked(self.record);
        expected.candidates[OF_TAG..].copy_from_slice(&[
            Some(0),
            self.mate.and_then(|mate| self.coded.of(mate)),
            linked.and_then(|other| self.coded.of(other)),
            Some(last),
            self.twin.and_then(|twin| self.coded.of(twin)),
            self.own(*b"NM"),
            self.own(*b"AS"),
            Some(self.records.lengths[self.record].into()),
        ]);
        expected
    }

    /// The predictions that belong to the tag alone.
    fn of_tag(&self, expected: &mut Expected) {
        let fact = self.fact();
        let mapq = self.mapq();
        let mate = self.mate.map(|mate| self.facts.of(mate));
        let indels = fact.inserted + fact.deleted;
        let thin = hash(fact.risk, fact.mismatches as u32, 1, 0);
        let missed = hash(fact.missed as u32, fact.mismatches as u32, 2, 0);
        let (candidates, hints): (&[Option<i64>], [u32; 2]) = match &self.tag {
            b"MQ" => {
                let mate = self.mate.map(|mate| self.records.mapq[mate].into());
                (&[mate, Some(mapq.into())], [mapq, 0])
            }
            b"ms" => {
                let sum = mate.map(|mate| mate.good_quality);
                let own = hash((fact.good_quality >> 5) as u32, 1, 0, 0);
                (&[sum, self.own(*b"AS")], [own, mapq])
            }
            b"mc" => (&[Some(self.mate_end())], [mapq, 0]),
            b"NM" => (&[Some(fact.edits())], [thin, fact.risk]),
            b"nM" => {
                let both = mate.map(|mate| mate.mismatches + fact.mismatches);
                (&[both, Some(fact.mismatches)], [thin, mapq])
            }
            b"AS" => {
                let bowtie = -6 * fact.mismatches - 5 * fact.gaps - 3 * indels;
                let minimap = 2 * fact.aligned - 10 * fact.mismatches - 12 * fact.gaps - 2 * indels;
                let spliced = fact.spliced_score() + mate.map_or(0, Fact::spliced_score) - 2;
                let introns = fact.introns + mate.map_or(0, |mate| mate.introns);
                let clipped = (fact.extent.clipped[0] + fact.extent.clipped[1]).min(20) as u32;
                let span = match self.records.template_lengths[self.record] {
                    0 => fact.extent.span.unsigned_abs(),
                    length => length.unsigned_abs().into(),
                };
                let span = span.min(1 << 31);
                let span = (span * span).checked_ilog2().unwrap_or(0);
                (
                    &[
                        Some(fact.score()),
                        Some(bowtie),
                        Some(minimap),
                        Some(spliced),
                    ],
                    [
                        hash(fact.mismatches as u32, clipped, fact.gaps as u32, 0),
                        hash(span, introns, 0, 0),
                    ],
                )
            }
            b"YS" => (&[self.of_mate(*b"AS")], [mapq, 0]),
            b"UQ" => {
                let quality = fact.mismatch_quality as u32;
                let quality = hash(quality, fact.mismatches as u32, 3, 0);
                (&[Some(fact.mismatch_quality)], [missed, quality])
            }
            b"XQ" => (&[self.of_mate(*b"UQ")], [mapq, 0]),
            b"PQ" => {
                let own = self.own(*b"UQ").unwrap_or(0);
                let both = own + self.of_mate(*b"UQ").or(self.own(*b"XQ")).unwrap_or(0);
                let length = self.records.template_lengths[self.record].unsigned_abs();
                (&[Some(both)], [length.min(2000), length / 8])
            }
            b"XM" => (&[Some(fact.mismatches)], [thin, mapq]),
            b"XO" => (&[Some(fact.gaps)], [mapq, 0]),
            b"XG" => (&[Some(indels - fact.gaps), Some(indels)], [mapq, 0]),
            b"XC" | b"ZP" => {
                let unclipped = fact.aligned + fact.inserted;
                let length = i64::from(self.records.lengths[self.record]);
                let hint = (length - unclipped) as u32;
                (&[Some(unclipped), Some(length + 1)], [hint, mapq])
            }
            b"SM" => (&[Some(mapq.into())], [mapq, thin]),
            b"AM" => {
                let own = self.own(*b"SM");
                let both = own.zip(self.of_mate(*b"SM")).map(|(a, b)| a.min(b));
                (&[both, own], [mapq, 0])
            }
            b"HI" => {
                let linked = self.records.linked(self.record);
                let before = linked.and_then(|other| self.coded.of(other));
                let next = before.map(|index| index.wrapping_add(1));
                let hits = self.own(*b"NH").map_or(0, |hits| hits as u32);
                let flags = u32::from(self.records.flags[self.record]) & 0x900;
                (&[next, Some(1)], [hits, hash(hits, flags, 0, 0)])
            }
            b"NH" | b"IH" => (&[Some(1)], [mapq, 0]),
            b"X1" => {
                let best = self.own(*b"X0").map_or(0, |best| best as u32);
                (&[Some(0)], [hash(best, mapq, 0, 0), best])
            }
            _ => (&[], [mapq, thin]),
        };
        expected.hints = hints;
        expected.candidates[..candidates.len()].copy_from_slice(candidates);
    }

    /// The mate's unclipped 5' end, counted from 1.
    fn mate_end(&self) -> i64 {
        let mate = self.facts.mate_extent(self.record);
        let position = i64::from(self.records.mate_positions[self.record]);
        if self.records.flags[self.record] & 0x20 == 0 {
            position + 1 - mate.clipped[0]
        } else {
            position + mate.span + mate.clipped[1]
        }
    }
}
