//! Bases of reference sequences, for archives that are made with `-T`: from a FASTA file, or from folders of sequences
//! named by their digest (`REF_CACHE` and `REF_PATH` as htslib knows them; local folders only, the network is never
//! asked).
//!
//! A sequence is read when its first base is asked for, and checked against the length and digest that it must have:
//! a wrong reference is refused, never used. Packed sequences are kept up to a budget.

mod fasta;
mod folders;
mod packed;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::codec::records::ReferenceBases;
use crate::{Error, Result};
use fasta::Fasta;
use packed::{Packed, Packer};

/// Bytes of packed sequences that are kept: five human chromosomes of the largest.
pub const USUAL_BUDGET: usize = 300 << 20;

/// What to do about a reference that does not fit.
const REMEDY: &str = "give -T the FASTA file that the reads were aligned to";

/// A reference sequence as the header (or an archive) says it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    /// Its name.
    pub name: Vec<u8>,
    /// Its number of bases.
    pub length: u64,
    /// The MD5 digest that it must have, if that is known.
    pub digest: Option<[u8; 16]>,
}

/// The sequences of a BAM: names and lengths as its binary header lists them, digests from the @SQ lines of its text.
pub fn sequences(text: &[u8], listed: &[(Vec<u8>, u64)]) -> Vec<Sequence> {
    let mut digests = BTreeMap::new();
    for line in text.split(|&byte| byte == b'\n') {
        let Some(fields) = line.strip_prefix(b"@SQ\t") else {
            continue;
        };
        let field = |tag: &[u8]| {
            let mut fields = fields.split(|&byte| byte == b'\t' || byte == b'\r');
            fields.find_map(|field| field.strip_prefix(tag))
        };
        if let (Some(name), Some(digest)) = (field(b"SN:"), field(b"M5:").and_then(from_hex)) {
            digests.entry(name).or_insert(digest);
        }
    }
    let sequence = |(name, length): &(Vec<u8>, u64)| Sequence {
        name: name.clone(),
        length: *length,
        digest: digests.get(&name[..]).copied(),
    };
    listed.iter().map(sequence).collect()
}

/// A digest from its 32 hexadecimal digits.
fn from_hex(digits: &[u8]) -> Option<[u8; 16]> {
    let digits = std::str::from_utf8(digits)
        .ok()
        .filter(|digits| digits.len() == 32)?;
    let number = u128::from_str_radix(digits, 16).ok()?;
    digits
        .bytes()
        .all(|digit| digit.is_ascii_hexdigit())
        .then(|| number.to_be_bytes())
}

/// The 32 lower-case hexadecimal digits of a digest.
pub fn to_hex(digest: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*digest))
}

/// Where bases are looked for.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// A FASTA file: plain, BGZF or gzip.
    pub fasta: Option<PathBuf>,
    /// Value of `REF_CACHE`.
    pub cache: Option<String>,
    /// Value of `REF_PATH`.
    pub path: Option<String>,
}

impl Places {
    /// The FASTA file given, and the folders that the environment names.
    pub fn from_environment(fasta: Option<PathBuf>) -> Self {
        let value = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (mut cache, path) = (value("REF_CACHE"), value("REF_PATH"));
        if cache.is_none() && path.is_none() {
            // Where htslib keeps what it has fetched.
            let home = || value("HOME").map(|home| format!("{home}/.cache"));
            let root = value("XDG_CACHE_HOME").or_else(home);
            cache = root.map(|root| format!("{root}/hts-ref/%2s/%2s/%s"));
        }
        Self { fasta, cache, path }
    }

    /// The file of the sequence with this digest in the folders.
    fn find(&self, digest: &[u8; 16]) -> Option<PathBuf> {
        let folders = self.cache.iter().cloned();
        let more = folders::elements(self.path.as_deref().unwrap_or_default());
        let paths = folders
            .chain(more)
            .map(|folder| folders::expand(&folder, &to_hex(digest)));
        paths.map(PathBuf::from).find(|path| path.is_file())
    }
}

/// Reference bases, loaded when they are asked for; may be shared by threads.
pub struct Reference {
    /// Tells references apart in what threads remember.
    identity: u64,
    places: Places,
    sequences: Vec<Sequence>,
    budget: usize,
    state: Mutex<State>,
}

/// What changes.
#[derive(Default)]
struct State {
    fasta: Option<Fasta>,
    /// Number, time of the last use, bases.
    kept: Vec<(i32, u64, Arc<Packed>)>,
    clock: u64,
    digests: BTreeMap<i32, [u8; 16]>,
    /// Sequences that could not be loaded, and why the first of them could not.
    failed: BTreeSet<i32>,
    failure: Option<Error>,
}

thread_local! {
    /// The sequence that this thread asked for last.
    static LAST: RefCell<Option<(u64, i32, Arc<Packed>)>> = const { RefCell::new(None) };
}

impl Reference {
    /// The bases of `sequences` from `places`; at most about `budget` bytes of them are kept, but always one sequence.
    /// Opens the FASTA file and reads or makes its index.
    pub fn open(places: Places, sequences: Vec<Sequence>, budget: usize) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let fasta = places.fasta.as_deref().map(Fasta::open).transpose()?;
        Ok(Self {
            identity: NEXT.fetch_add(1, Ordering::Relaxed),
            places,
            sequences,
            budget,
            state: Mutex::new(State {
                fasta,
                ..State::default()
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sure that a sequence's bases are there and are the right ones.
    #[cfg(test)]
    pub fn load(&self, reference: i32) -> Result<()> {
        self.get(&mut self.state(), reference).map(|_| ())
    }

    /// Numbers and digests of the sequences that were used so far: what an archive records.
    pub fn used(&self) -> Vec<(i32, [u8; 16])> {
        let state = self.state();
        state
            .digests
            .iter()
            .map(|(&number, &digest)| (number, digest))
            .collect()
    }

    /// The first failure to load a sequence whose bases were asked for. After a chunk is coded, nothing may be done with
    /// it before this was asked: to the codec, bases that could not be loaded looked unknown.
    pub fn check(&self) -> Result<()> {
        self.state().failure.take().map_or(Ok(()), Err)
    }

    /// A sequence, from what is kept or from its file.
    fn get(&self, state: &mut State, reference: i32) -> Result<Arc<Packed>> {
        state.clock += 1;
        let now = state.clock;
        if let Some((_, used, packed)) = state.kept.iter_mut().find(|kept| kept.0 == reference) {
            *used = now;
            return Ok(packed.clone());
        }
        let sequence = usize::try_from(reference)
            .ok()
            .and_then(|at| self.sequences.get(at));
        let Some(sequence) = sequence else {
            let text = format!("there is no reference sequence number {reference}");
            return Err(Error::Invalid(text));
        };
        let (packed, digest, path) = self.read(state, sequence)?;
        self.compare(sequence, packed.length(), &digest, &path)?;
        let packed = Arc::new(packed);
        state.digests.insert(reference, digest);
        state.kept.push((reference, now, packed.clone()));
        let bytes = |state: &State| state.kept.iter().map(|kept| kept.2.bytes()).sum::<usize>();
        while state.kept.len() > 1 && bytes(state) > self.budget {
            let oldest = state.kept.iter().enumerate().min_by_key(|(_, kept)| kept.1);
            let oldest = oldest.map_or(0, |(at, _)| at);
            state.kept.swap_remove(oldest);
        }
        Ok(packed)
    }

    /// Reads a sequence; gives its bases, digest, and where it was.
    fn read(&self, state: &mut State, sequence: &Sequence) -> Result<(Packed, [u8; 16], PathBuf)> {
        let mut packer = Packer::new(sequence.length);
        if let Some(fasta) = &mut state.fasta
            && fasta.read(&sequence.name, |text| packer.add(text))?
        {
            let path = fasta.path().to_path_buf();
            let (packed, digest) = packer.finish();
            return Ok((packed, digest, path));
        }
        let name = String::from_utf8_lossy(&sequence.name);
        let found = sequence.digest.and_then(|digest| self.places.find(&digest));
        if let Some(path) = found {
            fasta::read_plain(&path, |text| packer.add(text))?;
            let (packed, digest) = packer.finish();
            return Ok((packed, digest, path));
        }
        let place = self.places.fasta.as_deref().map_or(String::new(), |path| {
            format!("not in {} and ", path.display())
        });
        let digest = match &sequence.digest {
            Some(digest) => format!(
                "not in a folder of REF_CACHE or REF_PATH as {}",
                to_hex(digest)
            ),
            None => "has no M5 by which REF_CACHE or REF_PATH could name it".to_string(),
        };
        Err(Error::Invalid(format!(
            "reference sequence \"{name}\" is {place}{digest}: {REMEDY}"
        )))
    }

    /// Refuses a sequence that is not the one the header means.
    fn compare(
        &self,
        sequence: &Sequence,
        length: u64,
        digest: &[u8; 16],
        path: &Path,
    ) -> Result<()> {
        let name = String::from_utf8_lossy(&sequence.name);
        let path = path.display();
        if length != sequence.length {
            let expected = sequence.length;
            return Err(Error::Invalid(format!(
                "reference sequence \"{name}\" has {length} bases in {path}, but must have {expected}: {REMEDY}"
            )));
        }
        match &sequence.digest {
            Some(expected) if expected != digest => {
                let (digest, expected) = (to_hex(digest), to_hex(expected));
                Err(Error::Invalid(format!(
                    "reference sequence \"{name}\" has MD5 {digest} in {path}, but must have {expected}: {REMEDY}"
                )))
            }
            _ => Ok(()),
        }
    }

    /// The sequence that a base is asked of, for this thread to remember. None where there is none, or it failed.
    fn slow(&self, reference: i32) -> Option<Arc<Packed>> {
        let known = usize::try_from(reference).is_ok_and(|at| at < self.sequences.len());
        let mut state = self.state();
        if !known || state.failed.contains(&reference) {
            return None;
        }
        match self.get(&mut state, reference) {
            Ok(packed) => Some(packed),
            Err(error) => {
                state.failed.insert(reference);
                state.failure.get_or_insert(error);
                None
            }
        }
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        // Other threads let go of their last sequence when they ask another reference, or end.
        let _ = LAST.try_with(|last| last.take());
    }
}

impl ReferenceBases for Reference {
    fn base(&self, reference: i32, position: i64) -> Option<u8> {
        LAST.with_borrow_mut(|last| {
            if let Some((identity, number, packed)) = last
                && (*identity, *number) == (self.identity, reference)
            {
                return packed.base(position);
            }
            let packed = self.slow(reference)?;
            let base = packed.base(position);
            *last = Some((self.identity, reference, packed));
            base
        })
    }
}

#[cfg(test)]
mod tests;
