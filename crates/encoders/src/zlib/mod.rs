//! zlib's compressor: the library, and for BGZF blocks its levels 4 to 9 by faster code.
//!
//! The library's time goes into a walk along linked lists. The code here makes the same choices
//! from arrays ([`search`]), at 1.3 to 2.4 times the speed on BAM, and its bytes are the
//! library's: the tests compare them. Levels 1 to 3 and longer content go to the library.

mod block;
mod lazy;
mod library;
mod own;
mod search;
mod trees;

#[cfg(test)]
mod tests;

use library::Library;
use own::Own;

/// zlib at one level and memory level, used again for every block.
pub(crate) struct Zlib {
    level: u8,
    memory: u8,
    own: Option<Own>,
    /// Made at the first use.
    library: Option<Library>,
}

impl Zlib {
    /// A compressor; with `by_library` all its bytes come from the library.
    pub(crate) fn new(level: u8, memory: u8, by_library: bool) -> Zlib {
        Zlib {
            level,
            memory,
            own: (!by_library).then(|| Own::new(level, memory)).flatten(),
            library: None,
        }
    }

    /// Fills `out` with the DEFLATE bytes of `content`; false when zlib cannot.
    pub(crate) fn deflate(&mut self, content: &[u8], out: &mut Vec<u8>) -> bool {
        match &mut self.own {
            Some(own) if content.len() <= search::MAX_CONTENT => own.deflate(content, out),
            _ => self
                .library()
                .is_some_and(|library| library.deflate(content, out)),
        }
    }

    /// Whether `content` gives exactly `deflate`; stops where a block differs.
    pub(crate) fn makes(&mut self, content: &[u8], deflate: &[u8]) -> bool {
        match &mut self.own {
            Some(own) if content.len() <= search::MAX_CONTENT => own.makes(content, deflate),
            _ => self
                .library()
                .is_some_and(|library| library.makes(content, deflate)),
        }
    }

    fn library(&mut self) -> Option<&mut Library> {
        if self.library.is_none() {
            self.library = Library::new(self.level, self.memory);
        }
        self.library.as_mut()
    }
}
