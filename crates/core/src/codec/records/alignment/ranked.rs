//! Symbols of which few are frequent: those are coded by their rank, one decision a rank, all others in full.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::parameters::plain;
use crate::codec::mixing::{Coder, Mixer};

/// The most frequent symbols of a kind.
#[derive(Clone)]
pub(super) struct Ranked {
    /// Roughly the most frequent first. Their order never changes, because what is learnt belongs to ranks.
    list: Vec<u32>,
    /// Bits of a symbol.
    width: u32,
    /// How many ranks are asked for one by one, at most 15.
    single: usize,
}

/// How many ranks follow those, coded in four decisions; one number more stands for symbols without a rank.
const GROUP: usize = 15;

/// One in so many must be a symbol for it to be listed from the start.
const FREQUENT: usize = 1000;

impl Ranked {
    /// For symbols of `width` bits, of which `single` (at most 15) are asked for one by one.
    pub(super) fn new(width: u32, single: usize) -> Self {
        Self {
            list: Vec::new(),
            width,
            single,
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
        list.truncate(self.single + GROUP);
        self.list = list.into_iter().map(|(symbol, _)| symbol).collect();
    }

    /// Codes the list itself.
    pub(super) fn code_list<C: Coder>(&mut self, coder: &mut C) {
        let count = plain(coder, self.list.len() as u32, 5) as usize;
        let count = count.min(self.single + GROUP);
        self.list.resize(count, 0);
        for symbol in &mut self.list {
            *symbol = plain(coder, *symbol, self.width);
        }
    }

    /// Codes a symbol with blocks of `salt` to `salt` + 2; weights `selection` on and 72 to 95.
    pub(super) fn code<const N: usize, const G: usize, C: Coder>(
        &mut self,
        coder: &mut C,
        mixer: &mut Mixer<N, G>,
        symbol: u32,
        contexts: &[u32; N],
        (salt, selection): (u32, usize),
    ) -> u32 {
        mixer.turn(contexts, salt);
        let single = self.single.min(self.list.len());
        for rank in 0..single {
            let is = self.list[rank] == symbol;
            if mixer.bit(coder, is, rank + 1, selection + rank) {
                return self.list[rank];
            }
        }
        let rest = &self.list[single..];
        if !rest.is_empty() {
            let is = |&other: &u32| other == symbol;
            let number = rest.iter().position(is).unwrap_or(GROUP) as u32;
            let number = mixer.symbol(coder, number, 4, contexts, salt + 1, 72);
            if let Some(&symbol) = rest.get(number as usize) {
                return symbol;
            }
        }
        let symbol = mixer.symbol(coder, symbol, self.width, contexts, salt + 2, 80);
        if self.list.len() < self.single + GROUP && !self.list.contains(&symbol) {
            self.list.push(symbol);
        }
        symbol
    }
}
