//! BGZF: content cut into blocks as htslib or HTSJDK cuts it, each deflated by the encoder asked
//! for. Blocks are compressed side by side and written in order.

use crate::parallel::map;
use readvault_encoders::{Encoder, Encoders};
use std::io::{self, Write};

/// Content of a block that htslib fills: 65,536 less room for what deflate may add.
const HTSLIB_BLOCK: usize = 0xFF00;
/// Content of a block that HTSJDK fills: 65,536 less header, trailer and room for deflate.
const HTSJDK_BLOCK: usize = 65_498;
/// Bytes of a block around its DEFLATE data: 18 before, 8 after.
const FRAME: usize = 26;

/// Where a writer ends its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// htslib: before a record that does not fit, and after the header.
    Htslib,
    /// HTSJDK: wherever a block is full.
    Htsjdk,
}

/// Who deflates the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deflater {
    /// For the first block of the file.
    pub first: Encoder,
    /// For all others.
    pub others: Encoder,
}

impl Deflater {
    /// The deflater of this name: `zlib-1` to `zlib-9`, `libdeflate-1` to `libdeflate-12`
    /// (`libdeflate-1.7-6` for an older generation), `isal-0` to `isal-2`, `gkl` (Intel's
    /// library in Picard and GATK: level 1 for the first block, 0 for the rest) or `stored`.
    pub fn named(name: &str) -> Option<Deflater> {
        let same = |encoder: Encoder| Deflater {
            first: encoder,
            others: encoder,
        };
        let numbered = |wanted: String| {
            Encoder::all()
                .find(|encoder| encoder.name() == wanted)
                .map(same)
        };
        let isal = |level: &str| format!("isa-l level {level} (GKL)");
        match name.split('-').collect::<Vec<_>>()[..] {
            ["gkl"] => {
                let (first, others) = (numbered(isal("1"))?, numbered(isal("0"))?);
                Some(Deflater {
                    first: first.first,
                    others: others.first,
                })
            }
            ["stored"] => Some(same(Encoder::STORED)),
            ["zlib", level] => numbered(format!("zlib {level}")),
            ["isal", level] => numbered(isal(level)),
            ["libdeflate", level] => numbered(format!("libdeflate 1.26 level {level}")),
            ["libdeflate", version, level] => {
                numbered(format!("libdeflate {version} level {level}"))
            }
            _ => None,
        }
    }
}

/// Writes BGZF blocks.
pub struct BgzfWriter<W> {
    out: W,
    deflater: Deflater,
    cut: Cut,
    /// One per thread.
    encoders: Vec<Encoders>,
    /// Content of blocks that are cut but not yet written.
    ready: Vec<Vec<u8>>,
    /// Content of the block being filled.
    filling: Vec<u8>,
    first_written: bool,
    /// Bytes of the file so far, and of their content.
    written: u64,
    content: u64,
}

impl<W: Write> BgzfWriter<W> {
    /// A writer of blocks to `out`.
    pub fn new(out: W, deflater: Deflater, cut: Cut, threads: usize) -> BgzfWriter<W> {
        BgzfWriter {
            out,
            deflater,
            cut,
            encoders: (0..threads.max(1)).map(|_| Encoders::new()).collect(),
            ready: Vec::new(),
            filling: Vec::new(),
            first_written: false,
            written: 0,
            content: 0,
        }
    }

    /// About how many bytes the file will have when everything so far is written.
    pub fn expected(&self) -> u64 {
        let waiting = self.filling.len() + self.ready.iter().map(Vec::len).sum::<usize>();
        self.written + waiting as u64 * self.written.max(1) / self.content.max(1)
    }

    /// Adds the header, which htslib keeps in blocks of its own.
    pub fn header(&mut self, bytes: &[u8]) {
        self.fill(bytes);
        if self.cut == Cut::Htslib {
            self.end_block();
        }
    }

    /// Adds a record.
    pub fn record(&mut self, bytes: &[u8]) {
        if self.cut == Cut::Htslib && self.filling.len() + bytes.len() > HTSLIB_BLOCK {
            self.end_block();
        }
        self.fill(bytes);
    }

    /// Deflates and writes the blocks that are complete.
    pub fn flush(&mut self) -> io::Result<()> {
        let contents = std::mem::take(&mut self.ready);
        self.content += contents
            .iter()
            .map(|content| content.len() as u64)
            .sum::<u64>();
        let (deflater, first_written) = (self.deflater, self.first_written);
        let blocks = map(
            &mut self.encoders,
            contents.len() as u32,
            |encoders, index| {
                let first = index == 0 && !first_written;
                let encoder = if first {
                    deflater.first
                } else {
                    deflater.others
                };
                block(encoders, encoder, &contents[index as usize])
            },
        );
        for block in blocks {
            let block = block?;
            self.out.write_all(&block)?;
            self.written += block.len() as u64;
            self.first_written = true;
        }
        Ok(())
    }

    /// Writes what is left and the end-of-file block.
    pub fn finish(mut self) -> io::Result<()> {
        self.end_block();
        self.flush()?;
        let end = block(&mut Encoders::new(), Encoder::EMPTY, &[])?;
        self.out.write_all(&end)?;
        self.out.flush()
    }

    fn fill(&mut self, mut bytes: &[u8]) {
        let most = if self.cut == Cut::Htslib {
            HTSLIB_BLOCK
        } else {
            HTSJDK_BLOCK
        };
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(most - self.filling.len()));
            self.filling.extend_from_slice(now);
            bytes = later;
            if self.filling.len() == most {
                self.end_block();
            }
        }
    }

    fn end_block(&mut self) {
        if !self.filling.is_empty() {
            self.ready.push(std::mem::take(&mut self.filling));
        }
    }
}

/// A whole BGZF block of this content.
fn block(encoders: &mut Encoders, encoder: Encoder, content: &[u8]) -> io::Result<Vec<u8>> {
    let mut data = Vec::new();
    let done = encoders.deflate(encoder, content, &mut data);
    let size = u16::try_from(data.len() + FRAME - 1).ok().filter(|_| done);
    let Some(size) = size else {
        let text = format!(
            "{} cannot make a block of {} bytes",
            encoder.name(),
            content.len()
        );
        return Err(io::Error::other(text));
    };
    let mut block = Vec::with_capacity(data.len() + FRAME);
    block.extend_from_slice(&[31, 139, 8, 4, 0, 0, 0, 0, 0, 255, 6, 0, b'B', b'C', 2, 0]);
    block.extend_from_slice(&size.to_le_bytes());
    block.extend_from_slice(&data);
    block.extend_from_slice(&crc32fast::hash(content).to_le_bytes());
    block.extend_from_slice(&(content.len() as u32).to_le_bytes());
    Ok(block)
}
