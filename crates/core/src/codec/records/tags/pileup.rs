//! What all reads of a chunk say about the reference: how often each base lies at each position, and which reference
//! bases are known for sure.

use std::collections::HashMap;

use super::super::{Context, Records, part};

/// Positions per page.
const PAGE: usize = 64;

/// The place of a position that no read covers.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// Pages remembered by the lowest bits of their keys.
const RECENT: usize = 64;

/// The base of a deleted position.
pub(crate) const DELETED: u8 = 16;

/// Letters of BAM's base codes, and of a deleted base; 1 for A, 0 for none.
pub(crate) const LETTERS: [u8; 17] = {
    let mut letters = [0; 17];
    let names = b"=ACMGRSVTWYHKDBN";
    let mut code = 1;
    while code < 16 {
        letters[code] = names[code] - b'A' + 1;
        code += 1;
    }
    letters
};

/// Numbers of A, C, G and T by code; 4 for the others.
const NUMBERS: [u8; 17] = [4, 0, 1, 4, 2, 4, 4, 4, 3, 4, 4, 4, 4, 4, 4, 4, 4];

/// Letters of A, C, G and T.
const BASES: [u8; 4] = [1, 3, 7, 20];

/// Deleted bases that an alignment may have beyond as many as it has bases: more are not looked at.
const MOST_DELETED: u64 = 1000;

/// Weight up to which a position may be covered by a single read.
const SINGLE: u16 = 8;

/// How much is known of the reference at a position.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Nothing.
    Unknown,
    /// It has been told.
    Revealed,
    /// Several reads agree, or it is given.
    Agreed,
    /// Reads disagree.
    Contested,
    /// Only this read covers it.
    Alone,
}

/// One base of an alignment, and what an MD is expected to say of it.
#[derive(Clone, Copy)]
pub(crate) struct Site {
    pub(crate) cell: u32,
    /// The read's base (BAM's code), or `DELETED`.
    pub(crate) base: u8,
    /// Its quality.
    pub(crate) quality: u8,
    /// The CIGAR operation.
    pub(crate) operation: u8,
    /// Whether it is the first of its operation.
    pub(crate) first: bool,
    /// The letter of the reference (1 for A), or 0 where that is the read's base.
    pub(crate) expected: u8,
    pub(crate) class: Class,
}

/// The positions that the reads cover.
pub(crate) struct Pileup {
    /// Numbers of the pages, by reference and position.
    pages: HashMap<(i32, i64), u32>,
    recent: Vec<((i32, i64), u32)>,
    /// Weights of A, C, G and T by position.
    weights: Vec<[u16; 4]>,
    /// The likeliest reference letter (0 for none) and, times 32, its class.
    letters: Vec<u8>,
    /// How often a position was suspected to differ in all reads; empty until one is.
    suspected: Vec<u8>,
}

/// How much a base of a quality says: 1 to 8.
fn weight(quality: u8) -> u16 {
    match quality {
        0xff => 4,
        quality => u16::from(quality.min(63) / 8) + 1,
    }
}

impl Pileup {
    /// Looks at all records.
    pub(crate) fn new(context: &Context<'_>, records: &Records) -> Self {
        let mut pileup = Self {
            pages: HashMap::new(),
            recent: vec![((-1, i64::MIN), NOWHERE); RECENT],
            weights: Vec::new(),
            letters: Vec::new(),
            suspected: Vec::new(),
        };
        // Reads of 32 bases and more never need more pages, unless their CIGARs are absurd.
        let most = records.bases.len() / 32 + 4096;
        for record in (0..records.count).filter(|&record| fits(records, record)) {
            let range = part(&records.base_ends, record);
            let (bases, qualities) = (&records.bases[range.clone()], &records.qualities[range]);
            runs(records, record, |run, key| {
                if run.operation == 2 {
                    return;
                }
                let page = pileup.page(key, most);
                if page == NOWHERE {
                    return;
                }
                let start = page as usize * PAGE + run.offset;
                let cells = &mut pileup.weights[start..start + run.length];
                let read = run.at..run.at + run.length;
                let read = bases[read.clone()].iter().zip(&qualities[read]);
                for (weights, (&base, &quality)) in cells.iter_mut().zip(read) {
                    let number = NUMBERS[usize::from(base & 15)];
                    if let Some(of_base) = weights.get_mut(usize::from(number)) {
                        *of_base = of_base.saturating_add(weight(quality));
                    }
                }
            });
        }
        pileup.letters = pileup.weights.iter().map(judge).collect();
        if let Some(given) = context.bases {
            for (&(reference, key), &page) in &pileup.pages {
                for offset in 0..PAGE {
                    let base = given.base(reference, key * PAGE as i64 + offset as i64);
                    if let Some(base @ (1 | 2 | 4 | 8)) = base {
                        pileup.letters[page as usize * PAGE + offset] =
                            LETTERS[usize::from(base)] | (Class::Agreed as u8) << 5;
                    }
                }
            }
        }
        pileup
    }

    /// The number of a position's page, a new one if there are fewer than `most`.
    fn page(&mut self, key: (i32, i64), most: usize) -> u32 {
        let recent = (key.1 & (RECENT as i64 - 1)) as usize;
        if self.recent[recent].0 == key && self.recent[recent].1 != NOWHERE {
            return self.recent[recent].1;
        }
        let page = self.pages.get(&key).copied().unwrap_or_else(|| {
            let page = self.weights.len() / PAGE;
            if page >= most {
                return NOWHERE;
            }
            self.pages.insert(key, page as u32);
            self.weights.resize(self.weights.len() + PAGE, [0; 4]);
            page as u32
        });
        self.recent[recent] = (key, page);
        page
    }

    /// Lists the aligned and deleted bases of a record in `sites`: none if its CIGAR does not fit its bases.
    pub(crate) fn sites(&mut self, records: &Records, record: usize, sites: &mut Vec<Site>) {
        sites.clear();
        if !fits(records, record) {
            return;
        }
        let range = part(&records.base_ends, record);
        let (bases, qualities) = (&records.bases[range.clone()], &records.qualities[range]);
        runs(records, record, |run, key| {
            let page = self.page(key, 0);
            for step in 0..run.length {
                let (base, quality) = match run.operation {
                    2 => (DELETED, 0),
                    _ => (bases[run.at + step] & 15, qualities[run.at + step]),
                };
                let mut site = Site {
                    cell: NOWHERE,
                    base,
                    quality,
                    operation: run.operation,
                    first: run.first && step == 0,
                    expected: 0,
                    class: Class::Unknown,
                };
                if page != NOWHERE {
                    site.cell = page * PAGE as u32 + (run.offset + step) as u32;
                }
                self.expect(&mut site);
                sites.push(site);
            }
        });
    }

    /// Sets what a site is expected to be.
    #[inline]
    fn expect(&self, site: &mut Site) {
        let judged = self.letters.get(site.cell as usize).copied().unwrap_or(0);
        let (letter, class) = (judged & 31, judged >> 5);
        let own = LETTERS[usize::from(site.base)];
        let certain = class == Class::Revealed as u8 || class == Class::Agreed as u8;
        if letter == own && certain && site.base < 15 && site.operation == 0 {
            site.class = if class == Class::Agreed as u8 {
                Class::Agreed
            } else {
                Class::Revealed
            };
            return;
        }
        site.class = match class {
            1 => Class::Revealed,
            2 => Class::Agreed,
            3 => Class::Contested,
            _ if site.base == DELETED => match letter {
                0 => Class::Unknown,
                _ => Class::Agreed,
            },
            0 => Class::Alone,
            _ => {
                let weights = &self.weights[site.cell as usize];
                let own = weights.get(usize::from(NUMBERS[usize::from(site.base)]));
                match own {
                    Some(own) if *own == weight(site.quality) => Class::Alone,
                    _ => Class::Agreed,
                }
            }
        };
        site.expected = match site.operation {
            7 => 0,
            _ if site.base == 0 => 0,
            0 if (letter == own || letter == 0) && site.base < 15 => 0,
            // A deleted base that nothing is known of is A, a base that must differ N.
            2 if letter == 0 => 1,
            _ if letter == 0 || letter == own => 14,
            _ => letter,
        };
    }

    /// Takes it that the reference at a contested site is what fewer reads say.
    pub(crate) fn reveal_other(&mut self, site: &Site) {
        let Some(weights) = self.weights.get(site.cell as usize) else {
            return;
        };
        let own = usize::from(NUMBERS[usize::from(site.base)]);
        let others = (0..4).rev().filter(|&base| base != own);
        if let Some(other) = others.max_by_key(|&base| weights[base]) {
            self.reveal(site, BASES[other]);
        }
    }

    /// Takes it that a site may differ from the reference in all reads.
    pub(crate) fn suspect(&mut self, site: &Site) {
        if self.suspected.is_empty() {
            self.suspected = vec![0; self.letters.len()];
        }
        if let Some(times) = self.suspected.get_mut(site.cell as usize) {
            *times = times.saturating_add(1);
        }
    }

    /// How often that was.
    pub(crate) fn suspected(&self, site: &Site) -> u8 {
        self.suspected.get(site.cell as usize).copied().unwrap_or(0)
    }

    /// Takes what an MD says of a site.
    pub(crate) fn reveal(&mut self, site: &Site, symbol: u8) {
        let letter = match symbol {
            0 if NUMBERS[usize::from(site.base)] < 4 => LETTERS[usize::from(site.base)],
            letter => letter,
        };
        if letter > 0
            && let Some(judged) = self.letters.get_mut(site.cell as usize)
        {
            *judged = letter | (Class::Revealed as u8) << 5;
        }
    }
}

/// The likeliest letter and its class, from weights.
fn judge(weights: &[u16; 4]) -> u8 {
    let mut best = 0;
    for base in 1..4 {
        if weights[base] > weights[best] {
            best = base;
        }
    }
    let top = weights[best];
    let others = (0..4).filter(|&base| base != best);
    let second = others.map(|base| weights[base]).max().unwrap_or(0);
    if top == 0 {
        return 0;
    }
    let class = if second > top / 4 {
        Class::Contested
    } else if top <= SINGLE {
        Class::Alone
    } else {
        Class::Agreed
    };
    BASES[best] | (class as u8) << 5
}

/// Bases of one operation that lie in one page.
struct Run {
    operation: u8,
    /// Where they start in the read, and in the page.
    at: usize,
    offset: usize,
    length: usize,
    /// Whether they are the operation's first.
    first: bool,
}

/// Calls `take` with the runs of a record's alignment and the keys of their pages.
fn runs(records: &Records, record: usize, mut take: impl FnMut(&Run, (i32, i64))) {
    let reference = records.references[record];
    let mut position = i64::from(records.positions[record]);
    let mut at = 0;
    for &operation in records.cigar_of(record) {
        let length = (operation >> 4) as usize;
        let operation = (operation & 15) as u8;
        match operation {
            0 | 2 | 7 | 8 => {
                let mut done = 0;
                while done < length {
                    let offset = (position & (PAGE as i64 - 1)) as usize;
                    let run = Run {
                        operation,
                        at,
                        offset,
                        length: (PAGE - offset).min(length - done),
                        first: done == 0,
                    };
                    take(&run, (reference, position >> 6));
                    done += run.length;
                    position += run.length as i64;
                    at += if operation == 2 { 0 } else { run.length };
                }
            }
            1 | 4 => at += length,
            3 => position += length as i64,
            _ => {}
        }
    }
}

/// Whether a record's CIGAR takes exactly its bases, and its deletions are not absurd.
pub(crate) fn fits(records: &Records, record: usize) -> bool {
    let (mut on_read, mut deleted) = (0u64, 0u64);
    for &operation in records.cigar_of(record) {
        on_read += u64::from(super::super::on_read(operation));
        if operation & 15 == 2 {
            deleted += u64::from(operation >> 4);
        }
    }
    let bases = records.bases_of(record).len() as u64;
    bases > 0
        && on_read == bases
        && deleted <= bases + MOST_DELETED
        && records.qualities_of(record).len() as u64 == bases
}
