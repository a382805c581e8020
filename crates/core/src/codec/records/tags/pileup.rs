//! What all reads of a chunk say about the reference: how often each base lies at each position, and which reference
//! bases are known for sure.

use std::collections::HashMap;

use super::super::{Records, part};

/// Positions per page.
const PAGE: usize = 64;

/// The place of a position that no read covers.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// One position.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cell {
    /// Weights of A, C, G and T.
    pub(crate) weights: [u16; 4],
    /// The reference base, once known: 1 for A, 26 for Z.
    pub(crate) letter: u8,
}

/// The positions that the reads cover.
pub(crate) struct Pileup {
    /// Numbers of the pages, by reference and position.
    pages: HashMap<(i32, i64), u32>,
    cells: Vec<Cell>,
}

/// One base of an alignment.
#[derive(Clone, Copy)]
pub(crate) struct Site {
    /// The cell of its position, or `NOWHERE`.
    pub(crate) cell: u32,
    /// The read's base (BAM's code), or `DELETED`.
    pub(crate) base: u8,
    /// Its quality.
    pub(crate) quality: u8,
    /// The CIGAR operation.
    pub(crate) operation: u8,
    /// Whether it is the first of its operation.
    pub(crate) first: bool,
    /// Its position on the reference.
    pub(crate) position: i64,
}

/// The base of a deleted position.
pub(crate) const DELETED: u8 = 16;

/// Deleted bases that an alignment may have beyond as many as it has bases: more are not looked at.
const MOST_DELETED: u64 = 1000;

/// How much a base of a quality says.
pub(crate) fn weight(quality: u8) -> u16 {
    match quality {
        0xff => 4,
        quality => u16::from(quality.min(63) / 8) + 1,
    }
}

impl Pileup {
    /// Looks at all records.
    pub(crate) fn new(records: &Records) -> Self {
        // Reads of 32 bases and more never need more pages, unless their CIGARs are absurd.
        let most = records.bases.len() / 32 + 4096;
        let mut pileup = Self {
            pages: HashMap::new(),
            cells: Vec::new(),
        };
        let mut sites = Vec::new();
        for record in 0..records.count {
            pileup.walk(records, record, &mut sites, most);
            for site in &sites {
                let (Some(cell), 1 | 2 | 4 | 8) =
                    (pileup.cells.get_mut(site.cell as usize), site.base)
                else {
                    continue;
                };
                let of_base = &mut cell.weights[site.base.trailing_zeros() as usize];
                *of_base = of_base.saturating_add(weight(site.quality));
            }
        }
        pileup
    }

    /// The number of a position's page, a new one if there are fewer than `most`.
    fn page(&mut self, key: (i32, i64), most: usize) -> u32 {
        if let Some(&page) = self.pages.get(&key) {
            return page;
        }
        let page = self.cells.len() / PAGE;
        if page >= most {
            return NOWHERE;
        }
        self.pages.insert(key, page as u32);
        self.cells.resize(self.cells.len() + PAGE, Cell::default());
        page as u32
    }

    /// Lists the aligned and deleted bases of a record in `sites`: none if its CIGAR does not fit its bases.
    pub(crate) fn sites(&mut self, records: &Records, record: usize, sites: &mut Vec<Site>) {
        self.walk(records, record, sites, 0);
    }

    fn walk(&mut self, records: &Records, record: usize, sites: &mut Vec<Site>, most: usize) {
        sites.clear();
        if !fits(records, record) {
            return;
        }
        let range = part(&records.base_ends, record);
        let (bases, qualities) = (&records.bases[range.clone()], &records.qualities[range]);
        let reference = records.references[record];
        let mut position = i64::from(records.positions[record]);
        let mut at = 0;
        let (mut page, mut key) = (NOWHERE, i64::MIN);
        for &operation in records.cigar_of(record) {
            let length = (operation >> 4) as usize;
            let operation = (operation & 15) as u8;
            match operation {
                0 | 2 | 7 | 8 => {
                    for offset in 0..length {
                        if position >> 6 != key {
                            key = position >> 6;
                            let most = if operation == 2 { 0 } else { most };
                            page = self.page((reference, key), most);
                            if page == NOWHERE {
                                key = i64::MIN;
                            }
                        }
                        let cell = match page {
                            NOWHERE => NOWHERE,
                            page => page * PAGE as u32 + (position & 63) as u32,
                        };
                        let (base, quality) = if operation == 2 {
                            (DELETED, 0)
                        } else {
                            at += 1;
                            (bases[at - 1], qualities[at - 1])
                        };
                        sites.push(Site {
                            cell,
                            base,
                            quality,
                            operation,
                            first: offset == 0,
                            position,
                        });
                        position += 1;
                    }
                }
                1 | 4 => at += length,
                3 => position += length as i64,
                _ => {}
            }
        }
    }

    /// A cell; an empty one for `NOWHERE`.
    pub(crate) fn cell(&self, cell: u32) -> Cell {
        self.cells.get(cell as usize).copied().unwrap_or_default()
    }

    /// Sets the reference base of a position.
    pub(crate) fn reveal(&mut self, cell: u32, letter: u8) {
        if let Some(cell) = self.cells.get_mut(cell as usize) {
            cell.letter = letter;
        }
    }
}

/// Whether a record's CIGAR takes exactly its bases, and its deletions are not absurd.
fn fits(records: &Records, record: usize) -> bool {
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
