//! What the integer tags of the usual programs are expected to be, given the alignment, the mate and other tags.

use super::super::Records;
use super::facts::{Fact, Facts};
use super::values::{Integers, Known};
use crate::codec::mixing::hash;

/// Predictions of a value: first those for its tag, then those that any tag may follow.
pub(crate) const CANDIDATES: usize = 8;

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
}

impl View<'_> {
    fn fact(&self) -> &Fact {
        self.facts.of(self.record)
    }

    fn of_mate(&self, tag: [u8; 2]) -> Option<i64> {
        self.mate.and_then(|mate| self.known.of(tag, mate))
    }

    /// The predictions for the value of `tag` in the record; `last` is the value before it in its column.
    pub(crate) fn expected(&self, last: i64) -> Expected {
        let mut expected = self.of_tag();
        let linked = self.records.linked(self.record);
        expected.candidates[OF_TAG..].copy_from_slice(&[
            Some(0),
            self.mate.and_then(|mate| self.coded.of(mate)),
            linked.and_then(|other| self.coded.of(other)),
            Some(last),
        ]);
        expected
    }

    /// The predictions that belong to the tag alone.
    fn of_tag(&self) -> Expected {
        let (fact, record, known) = (self.fact(), self.record, self.known);
        let mapq = u32::from(self.records.mapq[record]);
        let mate_fact = self.mate.map(|mate| self.facts.of(mate));
        let one = |value: i64| [Some(value), None, None, None];
        let thin = hash(fact.unknown.min(40) as u32, fact.mismatches as u32, 1, 0);
        let (candidates, hints) = match &self.tag {
            b"MQ" => {
                let mate = self.mate.map(|mate| self.records.mapq[mate].into());
                ([mate, Some(mapq.into()), None, None], [mapq, 0])
            }
            b"ms" => {
                let sum = mate_fact.map(|mate| mate.good_quality);
                let own = hash((fact.good_quality >> 5) as u32, 1, 0, 0);
                ([sum, known.of(*b"AS", record), None, None], [own, mapq])
            }
            b"mc" => {
                let mate = self.facts.mate_extent(record);
                let position = i64::from(self.records.mate_positions[record]);
                let end = if self.records.flags[record] & 0x20 == 0 {
                    position + 1 - mate.clipped[0]
                } else {
                    position + mate.span + mate.clipped[1]
                };
                (one(end), [mapq, 0])
            }
            b"NM" => (one(fact.edits()), [thin, mapq]),
            b"nM" => {
                let both = mate_fact.map(|mate| mate.mismatches + fact.mismatches);
                ([both, Some(fact.mismatches), None, None], [thin, mapq])
            }
            b"AS" => {
                let scores = [
                    Some(fact.score()),
                    Some(-6 * fact.mismatches - 5 * fact.gaps - 3 * (fact.inserted + fact.deleted)),
                    Some(fact.aligned),
                    mate_fact.map(|mate| mate.aligned + fact.aligned - 2),
                ];
                let clips = (fact.extent.clipped[0] + fact.extent.clipped[1]).min(20) as u32;
                (scores, [hash(fact.mismatches as u32, clips, 0, 0), mapq])
            }
            b"XS" => {
                let score = known.of(*b"AS", record);
                (
                    [score, None, None, None],
                    [score.map_or(0, |score| score as u32), mapq],
                )
            }
            b"YS" => ([self.of_mate(*b"AS"), None, None, None], [mapq, 0]),
            b"UQ" => (one(fact.mismatch_quality), [thin, mapq]),
            b"XM" => (one(fact.mismatches), [thin, mapq]),
            b"XO" => (one(fact.gaps), [mapq, 0]),
            b"XG" => {
                let bases = fact.inserted + fact.deleted;
                (
                    [Some(bases - fact.gaps), Some(bases), None, None],
                    [mapq, 0],
                )
            }
            b"SM" => (one(mapq.into()), [mapq, thin]),
            b"AM" => {
                let own = known.of(*b"SM", record);
                let both = own.zip(self.of_mate(*b"SM")).map(|(a, b)| a.min(b));
                ([both, own, None, None], [mapq, 0])
            }
            b"HI" => {
                let linked = self.records.linked(record);
                let next = linked.and_then(|other| self.coded.of(other));
                let hits = known.of(*b"NH", record).map_or(0, |hits| hits as u32);
                let next = next.map(|index| index.wrapping_add(1));
                ([next, Some(1), None, None], [hits, mapq])
            }
            b"NH" | b"IH" => (one(1), [mapq, 0]),
            b"X1" => {
                let best = known.of(*b"X0", record).map_or(0, |best| best as u32);
                (one(0), [hash(best, mapq, 0, 0), best])
            }
            _ => ([None; OF_TAG], [mapq, thin]),
        };
        let mut expected = Expected {
            hints,
            ..Expected::default()
        };
        expected.candidates[..OF_TAG].copy_from_slice(&candidates);
        expected
    }
}
