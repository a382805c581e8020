//! Recipes: how to re-create a BGZF block's DEFLATE bytes from its content.
//!
//! Nearly every block was made by one of a few encoders, and the blocks of a file by the same one: it is identified
//! on the first blocks and expected of the rest, so that each block is deflated once. What no encoder makes is
//! re-created by one of them plus corrections; what even that does not make well is kept.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use readvault_encoders::{Encoder, Encoders, preflate};

/// How one block's DEFLATE bytes are made. The numbers are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// By an encoder.
    Encoder(Encoder),
    /// By prediction and these corrections.
    Corrections(Vec<u8>),
    /// Not at all: the block is kept as it is.
    Kept,
}

/// Stored number of a block that is re-created with corrections.
pub const CORRECTIONS: u8 = 240;
/// Stored number of a block that is kept.
pub const KEPT: u8 = 241;

/// Of a block's DEFLATE bytes, the share (in 1/16) that corrections may take before keeping the block is smaller:
/// kept bytes replace the block's records in the streams, which need about a third of the DEFLATE bytes.
const WORTH_CORRECTING: usize = 10;

/// Encoders that are tried first: those that made a block lately.
const LIKELY: usize = 4;

/// Blocks of a file that are tried with every encoder there is; later ones only with the common ones, because the
/// rare ones are slow and a file's blocks are alike.
const SEARCHED: u32 = 4;

/// Blocks that may be searched for before a file's blocks are taken for the work of an encoder that is not known, so
/// that searching most of them is a waste.
const PATIENCE: u32 = 64;

/// What the finders of one file know together: the encoders that have made blocks, and how many searches it took.
#[derive(Default)]
pub struct Known {
    encoders: Mutex<Vec<Encoder>>,
    searches: AtomicU32,
}

/// Finds recipes, remembering what made the blocks before. Each worker has one.
pub struct Finder<'a> {
    encoders: Encoders,
    likely: Vec<Encoder>,
    known: &'a Known,
}

impl<'a> Finder<'a> {
    /// A finder that shares what it learns.
    pub fn new(known: &'a Known) -> Self {
        Self {
            encoders: Encoders::new(),
            likely: Vec::new(),
            known,
        }
    }

    /// The recipe of the block with this content and these DEFLATE bytes. It has been carried out and compared:
    /// what it says is proved.
    pub fn find(&mut self, content: &[u8], deflate: &[u8]) -> Recipe {
        if content.is_empty() && self.encoders.makes(Encoder::EMPTY, content, deflate) {
            // It says nothing of the blocks around it.
            return Recipe::Encoder(Encoder::EMPTY);
        }
        for at in 0..self.likely.len() {
            if self.encoders.makes(self.likely[at], content, deflate) {
                self.likely[..=at].rotate_right(1);
                return Recipe::Encoder(self.likely[0]);
            }
        }
        if let Some(encoder) = self.search(content, deflate) {
            self.likely.insert(0, encoder);
            self.likely.truncate(LIKELY);
            return Recipe::Encoder(encoder);
        }
        match preflate::analyse(deflate, content) {
            Some(corrections) if corrections.len() * 16 <= deflate.len() * WORTH_CORRECTING => {
                Recipe::Corrections(corrections)
            }
            _ => Recipe::Kept,
        }
    }

    /// Asks the encoders that have made other blocks of the file, then all that are worth asking.
    fn search(&mut self, content: &[u8], deflate: &[u8]) -> Option<Encoder> {
        let known = self
            .known
            .encoders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let others = known
            .into_iter()
            .filter(|encoder| !self.likely.contains(encoder));
        for encoder in others {
            if self.encoders.makes(encoder, content, deflate) {
                return Some(encoder);
            }
        }
        let searches = self.known.searches.fetch_add(1, Ordering::Relaxed);
        let found = match searches {
            ..SEARCHED => self.encoders.identify(content, deflate, &[]),
            SEARCHED..PATIENCE => self.encoders.identify_common(content, deflate, &[]),
            _ if searches.is_power_of_two() => self.encoders.identify_common(content, deflate, &[]),
            _ => None,
        };
        if let Some(encoder) = found {
            let mut known = self
                .known
                .encoders
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if !known.contains(&encoder) {
                known.push(encoder);
            }
        }
        found
    }
}

/// Carries recipes out.
#[derive(Default)]
pub struct Maker {
    encoders: Option<Encoders>,
}

impl Maker {
    /// The DEFLATE bytes of `content` by the recipe, into `out`; false if the recipe cannot be carried out.
    pub fn make(
        &mut self,
        recipe: &Recipe,
        content: &[u8],
        limit: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        out.clear();
        match recipe {
            Recipe::Encoder(encoder) => self
                .encoders
                .get_or_insert_with(Encoders::new)
                .deflate(*encoder, content, out),
            Recipe::Corrections(corrections) => {
                match preflate::rebuild(content, corrections, limit) {
                    Some(deflate) => {
                        *out = deflate;
                        true
                    }
                    None => false,
                }
            }
            Recipe::Kept => false,
        }
    }
}

/// What an encoder number means, for people.
pub fn name(number: u8) -> String {
    match number {
        CORRECTIONS => "corrections".to_owned(),
        KEPT => "kept".to_owned(),
        _ => {
            Encoder::from_number(number).map_or_else(|| format!("encoder {number}"), Encoder::name)
        }
    }
}

impl Recipe {
    /// The number that stands for it in a chunk's layout.
    pub fn number(&self) -> u8 {
        match self {
            Self::Encoder(encoder) => encoder.number(),
            Self::Corrections(_) => CORRECTIONS,
            Self::Kept => KEPT,
        }
    }
}
