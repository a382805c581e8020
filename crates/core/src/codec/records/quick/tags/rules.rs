//! What the integer tags of the usual programs are expected to be, given the alignment, the mate and other tags. The
//! thorough model's rules (see `tags::predictions`), each a formula of its own here, so that only the one that holds is worked out.

use super::super::super::Records;
use super::super::super::tags::facts::{Extent, Fact, good_quality};
use super::reference;
use super::values::Values;
use crate::codec::mixing::hash;

/// Most formulas of a tag.
pub(super) const FORMULAS: usize = 4;

/// What a tag's values follow from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Edits,
    Mismatches,
    BothMismatches,
    Gaps,
    Extensions,
    Score,
    MateScore,
    Mapq,
    MateMapq,
    MateGood,
    MateEnd,
    Quality,
    MateQuality,
    BothQuality,
    BothSingle,
    One,
    Index,
    Unclipped,
    /// X1, which depends on X0, and XT, which does too.
    Seconds,
    Kind,
    Other,
}

impl Rule {
    /// The rule of a tag.
    pub(super) fn of(tag: [u8; 2]) -> Self {
        match &tag {
            b"NM" => Self::Edits,
            b"XM" => Self::Mismatches,
            b"nM" => Self::BothMismatches,
            b"XO" => Self::Gaps,
            b"XG" => Self::Extensions,
            b"AS" => Self::Score,
            b"YS" => Self::MateScore,
            b"SM" => Self::Mapq,
            b"MQ" => Self::MateMapq,
            b"ms" => Self::MateGood,
            b"mc" => Self::MateEnd,
            b"UQ" => Self::Quality,
            b"XQ" => Self::MateQuality,
            b"PQ" => Self::BothQuality,
            b"AM" => Self::BothSingle,
            b"NH" | b"IH" => Self::One,
            b"HI" => Self::Index,
            b"XC" | b"ZP" => Self::Unclipped,
            b"X1" => Self::Seconds,
            b"XT" => Self::Kind,
            _ => Self::Other,
        }
    }
}

/// Numbers of the tags that others follow from; those that there are not have numbers out of range.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    pub(super) edits: usize,
    pub(super) both: usize,
    pub(super) score: usize,
    pub(super) single: usize,
    pub(super) hits: usize,
    pub(super) total: usize,
    pub(super) best: usize,
    pub(super) quality: usize,
    pub(super) mate_quality: usize,
}

/// What is known of the record at hand.
#[derive(Default)]
pub(super) struct Now {
    pub(super) record: usize,
    pub(super) mate: Option<usize>,
    pub(super) twin: Option<usize>,
    pub(super) fact: Fact,
    /// Whether MD tells of its mismatches, and whether it has XA.
    pub(super) certain: bool,
    pub(super) has_alternatives: bool,
    /// Mismatches that NM told of and that were not guessed.
    pub(super) missed: i64,
    /// The integer coded before the one at hand.
    pub(super) related: i64,
    /// What the mate's CIGAR takes, if MC says so.
    pub(super) told_mate: Option<Extent>,
}

/// What a value is expected from.
pub(super) struct View<'a> {
    pub(super) records: &'a Records,
    pub(super) values: &'a Values,
    pub(super) named: &'a Named,
    pub(super) now: &'a Now,
    /// Mismatches by record, the sums of their qualities, and how many were not guessed, as far as that is known.
    pub(super) mismatches: &'a [[i32; 3]],
}

impl View<'_> {
    fn own(&self, tag: usize) -> Option<i64> {
        self.values.own(tag, self.now.record)
    }

    fn of_mate(&self, tag: usize) -> Option<i64> {
        self.values.of(tag, self.now.mate?)
    }

    pub(super) fn mapq(&self) -> u32 {
        self.records.mapq[self.now.record].into()
    }

    /// What the mate's alignment says.
    fn mate_fact(&self) -> Option<Fact> {
        let mate = self.now.mate?;
        let told = self.mismatches.get(mate).map(|known| known[0].into());
        Some(Fact {
            mismatches: told.unwrap_or_else(|| reference::differing(self.records, mate)),
            ..Fact::of_cigar(self.records.cigar_of(mate))
        })
    }

    /// The mate's unclipped 5' end, counted from 1.
    fn mate_end(&self) -> i64 {
        let of_mate = || Extent::of(self.records.cigar_of(self.now.mate.unwrap_or(0)));
        let extent = match (self.now.told_mate, self.now.mate) {
            (Some(told), _) => told,
            (None, Some(_)) => of_mate(),
            _ => Extent::default(),
        };
        let position = i64::from(self.records.mate_positions[self.now.record]);
        if self.records.flags[self.now.record] & 0x20 == 0 {
            position + 1 - extent.clipped[0]
        } else {
            position + extent.span + extent.clipped[1]
        }
    }

    /// The score of a spliced pair: that of both, or what nM leaves of it.
    fn spliced_pair(&self) -> i64 {
        let own = self.now.fact.spliced_score();
        let Some(mate) = self.mate_fact() else {
            let missed = self
                .own(self.named.both)
                .map_or(0, |both| both - self.now.fact.mismatches);
            return own - 2 * missed - 2;
        };
        let missed = self.own(self.named.both);
        let missed = missed.map_or(0, |both| both - self.now.fact.mismatches - mate.mismatches);
        own + mate.spliced_score() - 2 * missed - 2
    }

    /// The formula numbered `which` of a rule, if it has that many and what it needs is known.
    #[inline]
    pub(super) fn formula(&self, rule: Rule, which: usize) -> Option<i64> {
        let fact = &self.now.fact;
        let first = which == 0;
        match rule {
            Rule::Edits if first => Some(fact.edits()),
            Rule::Mismatches if first => Some(fact.mismatches),
            Rule::Gaps if first => Some(fact.gaps),
            Rule::Extensions if first => Some(fact.inserted + fact.deleted - fact.gaps),
            Rule::Extensions if which == 1 => Some(fact.inserted + fact.deleted),
            Rule::Score => self.score(which),
            Rule::Mapq if first => Some(self.mapq().into()),
            Rule::MateMapq if first => self.now.mate.map(|mate| self.records.mapq[mate].into()),
            Rule::MateMapq if which == 1 => Some(self.mapq().into()),
            Rule::BothSingle if first => {
                let both = self
                    .own(self.named.single)
                    .zip(self.of_mate(self.named.single));
                both.map(|(own, mate)| own.min(mate))
            }
            Rule::BothSingle if which == 1 => self.own(self.named.single),
            Rule::One if first => Some(1),
            Rule::Index if first => {
                let linked = self.records.linked(self.now.record)?;
                Some(self.values.of(self.named.hits, linked)? + 1)
            }
            Rule::Index if which == 1 => Some(1),
            Rule::Unclipped if first => Some(fact.aligned + fact.inserted),
            Rule::Unclipped if which == 1 => {
                Some(i64::from(self.records.lengths[self.now.record]) + 1)
            }
            Rule::Other if which == 1 => self.own(self.named.edits),
            Rule::Other if which == 2 => self.own(self.named.score),
            Rule::Other if which == 3 => Some(self.records.lengths[self.now.record].into()),
            _ => self.of_pair(rule, which),
        }
    }

    /// The formulas of scores of alignments.
    fn score(&self, which: usize) -> Option<i64> {
        let fact = &self.now.fact;
        let indels = fact.inserted + fact.deleted;
        match which {
            0 => Some(fact.score()),
            1 => Some(-6 * fact.mismatches - 5 * fact.gaps - 3 * indels),
            2 => Some(2 * fact.aligned - 10 * fact.mismatches - 12 * fact.gaps - 2 * indels),
            3 => Some(self.spliced_pair()),
            _ => None,
        }
    }

    /// The formulas that need the mate's qualities or mismatches.
    fn of_pair(&self, rule: Rule, which: usize) -> Option<i64> {
        let fact = &self.now.fact;
        match (rule, which) {
            (Rule::MateGood, 0) => {
                let mate = self.now.mate?;
                Some(good_quality(self.records.qualities_of(mate)))
            }
            (Rule::MateGood, 1) => self.own(self.named.score),
            (Rule::MateEnd, 0) => Some(self.mate_end()),
            (Rule::BothMismatches, 0) => Some(self.mate_fact()?.mismatches + fact.mismatches),
            (Rule::BothMismatches, 1) => Some(fact.mismatches),
            (Rule::MateScore, 0) => self.of_mate(self.named.score),
            (Rule::Quality, 0) => Some(fact.mismatch_quality),
            (Rule::Quality, 1) => self.of_mate(self.named.mate_quality),
            (Rule::MateQuality, 0) => {
                let told = self.of_mate(self.named.quality);
                told.or_else(|| Some(self.mismatches.get(self.now.mate?)?[1].into()))
            }
            (Rule::BothQuality, 0) => {
                let own = self.own(self.named.quality).unwrap_or(0);
                let of_mate = self.of_mate(self.named.quality);
                Some(own + of_mate.or(self.own(self.named.mate_quality)).unwrap_or(0))
            }
            _ => None,
        }
    }

    /// What a value is remembered beside.
    #[inline]
    pub(super) fn anchor(&self, rule: Rule) -> i64 {
        let first = self.formula(rule, 0);
        let second = || match rule {
            Rule::BothSingle => self.formula(rule, 1),
            _ => None,
        };
        first.or_else(second).unwrap_or(0)
    }

    /// What else a value depends on, hashed: values are remembered with it.
    #[inline]
    pub(super) fn hint(&self, rule: Rule) -> u32 {
        let (related, fact) = (self.now.related as u32, &self.now.fact);
        match rule {
            Rule::Seconds | Rule::Kind => {
                let best = self.own(self.named.best).map_or(0, |best| best as u32 + 1);
                hash(self.mapq(), best, 1, 0)
            }
            Rule::BothQuality => {
                let length = self.records.template_lengths[self.now.record].unsigned_abs();
                hash(length.min(2000), 3, 0, 0)
            }
            Rule::MateQuality => {
                let known = self.now.mate.and_then(|mate| self.mismatches.get(mate));
                let [mismatches, _, missed] = known.copied().unwrap_or_default();
                hash(mismatches as u32, missed as u32, 5, 0)
            }
            Rule::Quality | Rule::Edits => {
                hash(fact.mismatches as u32, self.now.missed as u32, 2, 0)
            }
            Rule::Score => {
                let clipped = fact.extent.clipped[0] + fact.extent.clipped[1];
                hash(
                    fact.mismatches as u32,
                    clipped.min(20) as u32,
                    fact.gaps as u32,
                    3,
                )
            }
            Rule::Index => {
                let total = self.own(self.named.total).unwrap_or(0) as u32;
                hash(
                    total,
                    u32::from(self.records.flags[self.now.record]) & 0x900,
                    4,
                    0,
                )
            }
            _ => hash(self.mapq(), related, 0, 0),
        }
    }
}
