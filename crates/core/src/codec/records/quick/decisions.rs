//! Decisions in contexts, and symbols of which few are frequent.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::plain::{Symbols, bits, flag};
use crate::codec::mixing::{Coder, Slot};

/// Decisions, each in one of several contexts.
#[derive(Clone)]
pub(super) struct Decisions(Vec<Slot>);

impl Decisions {
    pub(super) fn new(contexts: usize) -> Self {
        Self(vec![Slot::NEW; contexts])
    }

    /// Codes a decision. Contexts out of range are the last.
    #[inline(always)]
    pub(super) fn code<C: Coder>(&mut self, coder: &mut C, is: bool, context: usize) -> bool {
        let last = self.0.len() - 1;
        flag(coder, is, &mut self.0[context.min(last)])
    }
}

/// How many of the most frequent symbols are asked for one by one.
const SINGLE: usize = 3;

/// How many follow those, coded in four decisions; one number more stands for symbols without a rank.
const GROUP: usize = 15;

/// One in so many must be a symbol for it to be listed from the start.
const FREQUENT: usize = 1000;

/// Ranks from here on are one to contexts.
pub(super) const RANKS: usize = 16;

/// The most frequent symbols of a kind, roughly the most frequent first. Their order never changes.
#[derive(Clone)]
pub(super) struct Ranks {
    list: Vec<u32>,
    /// Bits of a symbol.
    width: u32,
    first: Vec<[Slot; SINGLE]>,
    group: Symbols<16>,
}

impl Ranks {
    /// For symbols of `width` bits in some contexts.
    pub(super) fn new(width: u32, contexts: usize) -> Self {
        Self {
            list: Vec::new(),
            width,
            first: vec![[Slot::NEW; SINGLE]; contexts],
            group: Symbols::new(contexts),
        }
    }

    /// Ranks the most frequent of `symbols`, smaller ones first among equals.
    pub(super) fn fit(&mut self, symbols: impl Iterator<Item = u32>) {
        let mut counts = BTreeMap::<u32, usize>::new();
        for symbol in symbols {
            *counts.entry(symbol).or_default() += 1;
        }
        let all: usize = counts.values().sum();
        let mut list: Vec<_> = counts.into_iter().collect();
        list.retain(|&(_, count)| count * FREQUENT > all);
        list.sort_by_key(|&(symbol, count)| (Reverse(count), symbol));
        list.truncate(SINGLE + GROUP);
        self.list = list.into_iter().map(|(symbol, _)| symbol).collect();
    }

    /// Codes the list itself.
    pub(super) fn code_list<C: Coder>(&mut self, coder: &mut C) {
        let count = bits(coder, self.list.len() as u64, 5) as usize;
        self.list.resize(count.min(SINGLE + GROUP), 0);
        for symbol in &mut self.list {
            *symbol = bits(coder, u64::from(*symbol), self.width) as u32;
        }
    }

    /// A symbol's rank, [`RANKS`] - 1 for those without one and for high ones.
    #[inline(always)]
    pub(super) fn rank(&self, symbol: u32) -> usize {
        let mut known = self.list.iter().take(RANKS - 1);
        let is = |&other: &u32| other == symbol;
        known.position(is).unwrap_or(RANKS - 1)
    }

    /// Codes a symbol that is known not to be `excluded`.
    #[inline(always)]
    pub(super) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        symbol: u32,
        context: usize,
        excluded: Option<u32>,
    ) -> u32 {
        let last = self.first.len() - 1;
        let slots = &mut self.first[context.min(last)];
        for (&listed, slot) in self.list.iter().zip(slots) {
            if Some(listed) != excluded && flag(coder, listed == symbol, slot) {
                return listed;
            }
        }
        self.code_rest(coder, symbol, context)
    }

    /// Codes a symbol that is none of the most frequent.
    fn code_rest<C: Coder>(&mut self, coder: &mut C, symbol: u32, context: usize) -> u32 {
        let rest = self.list.get(SINGLE..).unwrap_or_default();
        if !rest.is_empty() {
            let is = |&other: &u32| other == symbol;
            let number = rest.iter().position(is).unwrap_or(GROUP);
            let number = self.group.code(coder, number, context);
            if let Some(&symbol) = rest.get(number) {
                return symbol;
            }
        }
        let symbol = bits(coder, u64::from(symbol), self.width) as u32;
        if self.list.len() < SINGLE + GROUP && !self.list.contains(&symbol) {
            self.list.push(symbol);
        }
        symbol
    }
}
