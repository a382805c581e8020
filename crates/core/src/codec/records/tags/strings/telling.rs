//! Which candidate a value is, if it is one, and what is learnt from it.

use super::speller::{Speller, Told};
use super::store::{Kept, LONGEST};
use super::{CANDIDATES, RECENT, digest};
use crate::Result;
use crate::codec::mixing::{Coder, hash};
use crate::codec::wire::damaged;

impl Speller<'_> {
    /// Codes how the value is told.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn tell<C: Coder>(
        &mut self,
        coder: &mut C,
        record: usize,
        truth: &[u8],
        values: &[Option<&[u8]>; CANDIDATES],
        digests: &[Option<u32>; CANDIDATES],
        streaks: &[u32; 3],
        attribute: u32,
    ) -> Result<Told> {
        let (tag, mixer) = (&self.tag, &mut self.inner.choices);
        let (key, mapq) = (tag.key, u32::from(self.records.mapq[record]));
        let mut order = [0, 1, 2, 3, 4, 5];
        order.sort_by_key(|&kind| (u16::MAX - tag.scores[kind], kind));
        let mut tried = 0u32;
        for kind in order {
            let Some(own) = digests[kind] else {
                continue;
            };
            let same = |other: &usize| digests[*other] == Some(own);
            if (0..CANDIDATES)
                .filter(same)
                .any(|other| tried >> other & 1 == 1)
            {
                continue;
            }
            let agreeing = (0..CANDIDATES)
                .filter(same)
                .map(|other| 1 << other)
                .sum::<u32>();
            let streak = (0..3)
                .filter(|other| same(&(other + 3)))
                .map(|other| streaks[other])
                .max()
                .unwrap_or(0);
            let streak = streak.min(3) + u32::from(streak > 5) + u32::from(streak > 16);
            let state = agreeing | tried << 6;
            let contexts = [
                hash(1, key, state, 0),
                hash(2, key, state, tag.outcomes & 0xfff),
                hash(3, key, own, kind as u32),
                hash(4, key, state, streak),
                hash(5, key, mapq, kind as u32 | tried << 8),
                hash(6, key, attribute, kind as u32 | tried << 8),
                hash(7, state, streak, u32::from(tag.scores[kind] >> 12)),
            ];
            mixer.turn(&contexts, 1);
            let right = values[kind].is_some_and(|value| value == truth);
            if mixer.bit(coder, right, 1, kind * 8 + streak as usize) {
                return Ok(Told::Candidate(kind));
            }
            tried |= agreeing;
        }
        let store = &self.inner.store;
        let is_tried = |kept: &&Kept| digests.iter().flatten().any(|&tried| kept.is_digest(tried));
        let left = || {
            tag.recent
                .iter()
                .filter(|kept| !is_tried(kept) && store.has(**kept))
        };
        let own = digest(truth);
        let rank = left().position(|kept| store.is(*kept, truth, own));
        let contexts = [
            hash(11, key, tried, 0),
            hash(12, key, tag.outcomes & 0x3f, 0),
            hash(13, key, tag.outcomes & 0xfff, tag.last_rank),
            hash(14, key, tag.last_rank, 0),
            hash(15, key, attribute, 0),
            hash(16, key, mapq, 0),
            hash(17, tried, tag.outcomes & 7, 0),
        ];
        let count = left().count();
        if count > 0 && mixer.flag(coder, rank.is_some(), &contexts, 2) {
            let rank = mixer.number(coder, rank.unwrap_or(0) as u64, &contexts, 3);
            let found = usize::try_from(rank).ok().and_then(|rank| left().nth(rank));
            let found = found.ok_or_else(|| damaged("a recent value that there is not"))?;
            return Ok(Told::Recent(*found));
        }
        Ok(Told::Spelt)
    }

    /// Learns from a value.
    pub(super) fn learn(
        &mut self,
        record: usize,
        at: usize,
        value: &[u8],
        told: Told,
        digests: &[Option<u32>; CANDIDATES],
        attributes: &[Option<u32>; 3],
    ) {
        let (tag, store) = (&mut self.tag, &mut self.inner.store);
        let own = digest(value);
        for (score, candidate) in tag.scores.iter_mut().zip(digests) {
            if let Some(candidate) = candidate {
                let target = if *candidate == own { 65_535 } else { 0 };
                let before = i32::from(*score);
                *score = (before + ((target - before) >> 5)) as u16;
            }
        }
        let outcome = match told {
            Told::Candidate(kind) => kind as u32,
            Told::Recent(_) => 6,
            Told::Spelt => 7,
        };
        tag.outcomes = tag.outcomes << 3 | outcome;
        let kept = store.keep(value, own);
        if kept != Kept::default() {
            let rank = tag.recent.iter().position(|recent| recent.is_digest(own));
            match rank {
                Some(rank) => tag.recent[..=rank].rotate_right(1),
                None if tag.recent.len() < RECENT => tag.recent.insert(0, kept),
                None => tag.recent.rotate_right(1),
            }
            tag.recent[0] = kept;
            tag.last_rank = rank.map_or(0, |rank| rank as u32 / 4 + 1);
        }
        let before = tag.before;
        let keys: Vec<Option<u32>> = (tag.learnt.attributes())
            .map(|number| self.sources.attribute(number, record, before))
            .map(|attribute| Some(hash(attribute?, tag.key, 43, 0)))
            .collect();
        let best = attributes[0].is_some_and(|key| store.associated(key).0.is_digest(own));
        for (place, key) in keys.into_iter().enumerate() {
            if key.is_some_and(|key| store.associate(key, kept)) {
                tag.learnt.was_right(place, best);
            }
        }
        if let Some(both) = attributes[2] {
            store.associate(both, kept);
        }
        if tag.learnt.on_trial() || at.is_multiple_of(16) {
            tag.learnt.compare(&self.sources, record, value);
        }
        tag.learnt.count();
        tag.before = own;
        if at + 1 == self.count {
            tag.last.clear();
            tag.last
                .extend_from_slice(&value[..value.len().min(LONGEST)]);
        }
    }
}
