//! What the test files share: a deterministic content, and the BGZF blocks of real files.
#![allow(dead_code)] // each test file uses a part

use std::path::PathBuf;

/// Content that compresses like BAM: a fixed mixture of repeats, text and noise.
pub fn content(length: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1Du64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize
    };
    let mut made = Vec::with_capacity(length + 64);
    while made.len() < length {
        let (kind, run) = (random() % 8, random() % 60 + 3);
        if kind < 3 && made.len() > run {
            let back = random() % made.len().min(40_000) + 1;
            let from = made.len() - back;
            for place in 0..run {
                made.push(made[from + place % back]);
            }
        } else if kind < 6 {
            made.extend((0..4 * run).map(|_| b"ACGT"[random() % 4]));
        } else if kind < 7 {
            made.extend((0..run).map(|_| b"FFFF:,#"[random() % 7]));
        } else {
            made.extend((0..run / 3).map(|_| random() as u8));
        }
    }
    made.truncate(length);
    made
}

/// The folder of real files, if this machine has it.
pub fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("READVAULT_CORPUS").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../shared/corpus"
            ))
        },
        PathBuf::from,
    );
    if folder.join("MANIFEST.tsv").is_file() {
        return Some(folder);
    }
    eprintln!("SKIPPED: no corpus at {}", folder.display());
    None
}

/// A BGZF block: its DEFLATE bytes and the content length that it states.
pub struct Block<'a> {
    pub deflate: &'a [u8],
    pub length: usize,
}

/// The BGZF blocks of a file, up to the first byte that is none.
pub fn blocks(file: &[u8]) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut rest = file;
    while let Some((block, after)) = split_block(rest) {
        found.push(block);
        rest = after;
    }
    found
}

fn split_block(bytes: &[u8]) -> Option<(Block<'_>, &[u8])> {
    let head = bytes.strip_prefix(&[0x1F, 0x8B, 8, 4])?;
    let extra_length = usize::from(u16::from_le_bytes(*head.get(6..)?.first_chunk()?));
    let mut extra = head.get(8..8 + extra_length)?;
    while extra.get(..4)? != b"BC\x02\x00" {
        let length = usize::from(u16::from_le_bytes(*extra.get(2..)?.first_chunk()?));
        extra = extra.get(4 + length..)?;
    }
    let size = usize::from(u16::from_le_bytes(*extra.get(4..)?.first_chunk()?)) + 1;
    let (block, after) = bytes.split_at_checked(size)?;
    let deflate = block.get(12 + extra_length..size.checked_sub(8)?)?;
    let length = u32::from_le_bytes(*block.get(size - 4..)?.first_chunk()?) as usize;
    Some((Block { deflate, length }, after))
}
