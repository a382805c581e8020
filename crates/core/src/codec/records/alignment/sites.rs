//! Where on the references earlier long reads of the chunk break off their matches: places that many reads break at are
//! breaks of the next read, too; places that one read broke at by mistake are not.

use std::collections::btree_map::RangeMut;
use std::collections::{BTreeMap, VecDeque};

/// What reads did at a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Site {
    /// How many reads broke off there, by strand.
    pub(super) taken: [u8; 2],
    /// How many went on, by strand.
    pub(super) passed: [u8; 2],
    /// How many of those that broke off went on by an insertion, by a deletion, by anything else.
    pub(super) kinds: [u8; 3],
    /// The operation that the last one went on by.
    pub(super) last: u32,
}

/// One in so many must break off at a site for it to count.
const LIKELY: u32 = 6;

/// The kind of an operation among [`Site::kinds`].
pub(super) fn kind(operation: u32) -> usize {
    match operation & 15 {
        1 => 0,
        2 => 1,
        _ => 2,
    }
}

/// How many of so many, in 1/8, and how surely: up to 8 + 16 * 3.
fn share(taken: u32, passed: u32) -> u32 {
    let all = taken + passed;
    let sure = match all {
        0..2 => 0,
        2..4 => 1,
        4..9 => 2,
        _ => 3,
    };
    8 * taken / all.max(1) + 16 * sure
}

impl Site {
    /// Reads that broke off, and all.
    fn counts(&self) -> (u32, u32) {
        let sum = |both: [u8; 2]| u32::from(both[0]) + u32::from(both[1]);
        let taken = sum(self.taken);
        (taken, taken + sum(self.passed))
    }

    /// Whether it is likely enough that another read breaks off there.
    fn is_likely(&self) -> bool {
        let (taken, all) = self.counts();
        taken * LIKELY >= all && (taken > 1 || all == 1)
    }

    /// How likely it is: a class below 64.
    pub(super) fn class(&self) -> u32 {
        let (taken, all) = self.counts();
        share(taken, all - taken)
    }

    /// How likely it is on a strand: a class below 64.
    pub(super) fn class_on(&self, strand: usize) -> u32 {
        share(self.taken[strand].into(), self.passed[strand].into())
    }

    /// The kind that is most usual, from 0, plus 3 if all are of it.
    pub(super) fn usual(&self) -> u32 {
        let most = self.kinds.iter().copied().max().unwrap_or(0);
        let at = self.kinds.iter().position(|&kind| kind == most);
        let sure = self.kinds.iter().all(|&kind| kind == most || kind == 0);
        at.unwrap_or(0) as u32 + if sure { 3 } else { 0 }
    }

    /// Counts a read that breaks off.
    fn take(&mut self, strand: usize, operation: u32) {
        let kind = &mut self.kinds[kind(operation)];
        *kind = kind.saturating_add(1);
        self.taken[strand] = self.taken[strand].saturating_add(1);
        self.last = operation;
    }
}

/// The sites of a chunk.
#[derive(Default)]
pub(in crate::codec::records) struct Sites {
    sites: BTreeMap<u64, Site>,
}

impl Sites {
    /// Those from the place with key `from` on, on the same reference.
    pub(super) fn ahead(&mut self, from: u64, strand: usize) -> Ahead<'_> {
        Ahead {
            rest: self.sites.range_mut(from..=from | 0xffff_ffff),
            near: VecDeque::new(),
            sought: 0,
            strand,
        }
    }

    /// Adds where a read broke off that were no sites.
    pub(super) fn add(&mut self, seen: &[(u64, u32)], strand: usize) {
        for &(key, operation) in seen {
            self.sites.entry(key).or_default().take(strand, operation);
        }
    }
}

/// The sites from some place on.
pub(super) struct Ahead<'a> {
    rest: RangeMut<'a, u64, Site>,
    /// Sites that have been looked at and lie ahead.
    near: VecDeque<(u64, &'a mut Site)>,
    /// The first of these that may be the next.
    sought: usize,
    strand: usize,
}

impl Ahead<'_> {
    /// Goes to `key`: the sites before it have been passed.
    pub(super) fn pass(&mut self, key: u64) {
        let passed = |site: &mut Site, strand: usize| {
            site.passed[strand] = site.passed[strand].saturating_add(1);
        };
        while let Some((at, site)) = self.near.front_mut() {
            if *at >= key {
                return;
            }
            passed(site, self.strand);
            self.near.pop_front();
            self.sought = self.sought.saturating_sub(1);
        }
        for (&at, site) in self.rest.by_ref() {
            if at >= key {
                self.near.push_back((at, site));
                return;
            }
            passed(site, self.strand);
        }
    }

    /// The first site at `key` or behind, but before `end`, that another read may break off at. Keys may never fall.
    pub(super) fn next(&mut self, key: u64, end: u64) -> Option<(u64, Site)> {
        loop {
            if self.sought == self.near.len() {
                let (&at, site) = self.rest.next()?;
                self.near.push_back((at, site));
            }
            let (at, site) = &self.near[self.sought];
            if *at >= end {
                return None;
            }
            if *at >= key && site.is_likely() {
                return Some((*at, **site));
            }
            self.sought += 1;
        }
    }

    /// The site at `key`, to which the read has come.
    pub(super) fn here(&mut self, key: u64) -> Option<Site> {
        self.pass(key);
        let (at, site) = self.near.front()?;
        (*at == key).then_some(**site)
    }

    /// The read breaks off at `key` by `operation`; says whether there is a site.
    pub(super) fn take(&mut self, key: u64, operation: u32) -> bool {
        self.pass(key);
        match self.near.front_mut() {
            Some((at, site)) if *at == key => {
                site.take(self.strand, operation);
                self.near.pop_front();
                self.sought = self.sought.saturating_sub(1);
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends a read along the sites from 0 to 100, which breaks off by a deletion at `breaks`.
    fn read(sites: &mut Sites, strand: usize, breaks: &[u64]) {
        let mut seen = Vec::new();
        let mut ahead = sites.ahead(0, strand);
        for &at in breaks {
            if !ahead.take(at, 1 << 4 | 2) {
                seen.push((at, 1 << 4 | 2));
            }
        }
        ahead.pass(100);
        sites.add(&seen, strand);
    }

    #[test]
    fn sites_are_likely_where_reads_break_off_again() {
        let mut sites = Sites::default();
        read(&mut sites, 0, &[10, 20]);
        let mut ahead = sites.ahead(0, 0);
        assert_eq!(ahead.next(0, 100).map(|next| next.0), Some(10));
        assert_eq!(ahead.next(11, 100).map(|next| next.0), Some(20));
        assert_eq!(ahead.next(21, 100), None);
        read(&mut sites, 1, &[20, 30]);
        let mut ahead = sites.ahead(0, 0);
        let (at, site) = ahead.next(0, 100).unwrap();
        assert_eq!((at, site.taken, site.passed), (20, [1, 1], [0, 0]));
        assert_eq!(site.usual(), 1 + 3);
        assert_eq!(ahead.next(21, 30), None);
        assert_eq!(ahead.next(21, 31).map(|next| next.0), Some(30));
    }

    #[test]
    fn looking_ahead_does_not_pass_sites() {
        let mut sites = Sites::default();
        read(&mut sites, 0, &[10, 20, 30]);
        let mut ahead = sites.ahead(0, 0);
        assert!(ahead.next(15, 100).is_some());
        assert!(ahead.here(10).is_some());
        assert_eq!(ahead.here(25), None);
        assert!(ahead.take(30, 1));
        assert!(!ahead.take(30, 1));
        drop(ahead);
        let counts = |at: u64| sites.sites[&at].counts();
        assert_eq!(
            [counts(10), counts(20), counts(30)],
            [(1, 2), (1, 2), (2, 2)]
        );
    }
}
