//! What the reference is at the bases of a chunk's records, where no MD says it: from all reads, and from the numbers
//! of differences (NM) of those coded so far.
//!
//! If all reads of a place differ from the reference alike, nothing but their NMs shows it: the places that reads with
//! one difference too many share, and no read without covers, are suspected.

use super::super::{Context, Records};
use super::facts::Fact;
use super::mismatches::risk;
use super::pileup::{Class, DELETED, Pileup, Site};

/// Reads that must have had a place under suspicion before it counts as a mismatch.
const SURE: u8 = 2;

/// The bases of all records, and the record at hand.
pub(crate) struct Reference {
    pub(crate) pileup: Pileup,
    pub(crate) sites: Vec<Site>,
}

/// What a record's sites say.
#[derive(Default)]
struct Count {
    mismatches: i64,
    quality: i64,
    /// How often the most suspected site has been, and its quality.
    suspected: u8,
    suspected_quality: u8,
    /// Contested sites that are expected to differ, and that are not.
    contested: [i64; 2],
}

impl Reference {
    /// Looks at all records.
    pub(crate) fn new(context: &Context<'_>, records: &Records) -> Self {
        Self {
            pileup: Pileup::new(context, records),
            sites: Vec::new(),
        }
    }

    /// Turns to the sites of a record.
    pub(crate) fn turn(&mut self, records: &Records, record: usize) {
        self.pileup.sites(records, record, &mut self.sites);
    }

    fn count(&self) -> Count {
        let mut count = Count::default();
        for site in self.sites.iter().filter(|site| site.base != DELETED) {
            let differs = site.expected > 0 && !is_alone(site);
            if differs {
                count.mismatches += 1;
                count.quality += i64::from(site.quality);
            } else if site.class != Class::Revealed {
                let suspected = self.pileup.suspected(site);
                if suspected > count.suspected {
                    (count.suspected, count.suspected_quality) = (suspected, site.quality);
                }
            }
            if site.class == Class::Contested {
                count.contested[usize::from(!differs)] += 1;
            }
        }
        count
    }

    /// Guesses the mismatches of a record.
    pub(crate) fn guess(&mut self, records: &Records, record: usize, fact: &mut Fact) {
        self.turn(records, record);
        let count = self.count();
        (fact.mismatches, fact.mismatch_quality) = (count.mismatches, count.quality);
        if count.suspected >= SURE {
            fact.mismatches += 1;
            fact.mismatch_quality += i64::from(count.suspected_quality);
        }
        fact.risk = risk(&self.sites) << 2 | u32::from(count.suspected.min(3));
        fact.missed = 0;
    }

    /// Learns how many mismatches the record that was guessed last has.
    pub(crate) fn learn(&mut self, mismatches: i64) {
        let count = self.count();
        let more = mismatches - count.mismatches;
        let [differ, agree] = count.contested;
        let pileup = &mut self.pileup;
        for site in &self.sites {
            if site.class == Class::Revealed || site.base == DELETED {
                continue;
            }
            let contested = site.class == Class::Contested;
            if more == 0 {
                let alone = is_alone(site);
                pileup.reveal(site, if alone { 0 } else { site.expected });
            } else if contested && more == -differ && site.expected > 0 {
                pileup.reveal(site, 0);
            } else if contested && more == 1 && agree == 1 && site.expected == 0 {
                pileup.reveal_other(site);
            } else if more > 0 && site.expected == 0 {
                pileup.suspect(site);
            }
        }
    }

    /// Completes the facts of a record whose number of mismatches is known.
    pub(crate) fn settle(&mut self, records: &Records, record: usize, fact: &mut Fact) {
        let mismatches = fact.mismatches;
        self.guess(records, record, fact);
        fact.missed = mismatches - fact.mismatches;
        fact.mismatches = mismatches;
    }
}

/// Whether nothing is known of a site but what the read itself says.
fn is_alone(site: &Site) -> bool {
    site.class == Class::Alone && site.operation == 0 && site.base < 15
}
