//! FASTA files: plain, BGZF, or gzip; with the index beside them (`.fai`), or read once to find their sequences.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use readvault_encoders::Inflater;

use crate::source::bgzf::{self, Framing};
use crate::{Error, Result};

/// Content bytes read at a time.
const PIECE: usize = 1 << 20;
/// Most content of a gzip file that is not BGZF: it can only be held as a whole.
const MOST_GZIP: usize = 1 << 30;
/// Longest line before a sequence.
const LONGEST_NAME: u64 = 1 << 16;

/// The file's content, to be read from any place.
enum Content {
    Plain(File),
    /// BGZF: where each block's content begins, and where the block does.
    Blocks(File, Vec<(u64, u64)>, Box<Inflater>),
    Memory(Vec<u8>),
}

/// A FASTA file.
pub(super) struct Fasta {
    path: PathBuf,
    content: Content,
    /// Where the bases of each sequence begin.
    starts: HashMap<Vec<u8>, u64>,
    /// The index that this comes from, if there is one.
    index: Option<PathBuf>,
}

impl Fasta {
    /// Opens a file, and reads or makes its index.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let failed = |error| Error::store("cannot read", path, error);
        let mut file = File::open(path).map_err(failed)?;
        let mut head = Vec::new();
        let start = Read::by_ref(&mut file).take(1 << 16).read_to_end(&mut head);
        start.map_err(failed)?;
        let content = match bgzf::frame(&head) {
            Framing::Block { .. } => {
                let blocks = blocks(&mut file).map_err(failed)?;
                Content::Blocks(file, blocks, Box::new(Inflater::new()))
            }
            _ if head.starts_with(&[31, 139]) => {
                file.rewind().map_err(failed)?;
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).map_err(failed)?;
                Content::Memory(gunzip(&bytes, path)?)
            }
            _ => Content::Plain(file),
        };
        let mut fasta = Self {
            path: path.to_path_buf(),
            content,
            starts: HashMap::new(),
            index: None,
        };
        let mut index = path.as_os_str().to_owned();
        index.push(".fai");
        let index = PathBuf::from(index);
        match std::fs::read(&index) {
            Ok(text) => {
                fasta.starts = parse_index(&text, &index)?;
                fasta.index = Some(index);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => fasta.scan()?,
            Err(error) => return Err(Error::store("cannot read", &index, error)),
        }
        Ok(fasta)
    }

    /// The file's path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the text of a sequence to `sink`, piece by piece; false if there is no such sequence.
    pub(super) fn read(&mut self, name: &[u8], mut sink: impl FnMut(&[u8])) -> Result<bool> {
        let Some(&start) = self.starts.get(name) else {
            return Ok(false);
        };
        if self.index.is_some() {
            self.check_index(name, start)?;
        }
        let mut at = start;
        // Whether the next byte begins a line.
        let mut begins = true;
        let mut piece = Vec::new();
        loop {
            self.content_at(at, &mut piece)?;
            let end = next_name(&piece, begins).unwrap_or(piece.len());
            sink(&piece[..end]);
            if end < piece.len() || piece.is_empty() {
                return Ok(true);
            }
            at += piece.len() as u64;
            begins = piece.last() == Some(&b'\n');
        }
    }

    /// Refuses an index that does not fit the file.
    fn check_index(&mut self, name: &[u8], start: u64) -> Result<()> {
        let from = start.saturating_sub(LONGEST_NAME);
        let mut text = Vec::new();
        while (text.len() as u64) < start - from {
            let mut piece = Vec::new();
            self.content_at(from + text.len() as u64, &mut piece)?;
            if piece.is_empty() {
                break;
            }
            text.extend_from_slice(&piece);
        }
        text.truncate((start - from) as usize);
        let line = text.strip_suffix(b"\n").map(|text| {
            let begin = memchr::memrchr(b'\n', text).map_or(0, |at| at + 1);
            &text[begin..]
        });
        match line {
            Some(line) if name_of(line) == Some(name) => Ok(()),
            _ => {
                let index = self.index.as_deref().unwrap_or(&self.path).display();
                Err(Error::Invalid(format!(
                    "{index} does not fit {}: make it again with \"samtools faidx\", or remove it",
                    self.path.display()
                )))
            }
        }
    }

    /// Finds all sequences.
    fn scan(&mut self) -> Result<()> {
        let mut starts = HashMap::new();
        let (mut at, mut begins) = (0u64, true);
        let mut piece = Vec::new();
        // A line of a name that is not whole yet.
        let mut line: Option<Vec<u8>> = None;
        loop {
            self.content_at(at, &mut piece)?;
            if piece.is_empty() {
                break;
            }
            let mut place = 0;
            while place < piece.len() {
                if let Some(mut name) = line.take() {
                    let end = memchr::memchr(b'\n', &piece[place..]).map(|length| place + length);
                    name.extend_from_slice(&piece[place..end.unwrap_or(piece.len())]);
                    let Some(end) = end else {
                        line = Some(name);
                        break;
                    };
                    if let Some(name) = name_of(&name) {
                        let start = at + end as u64 + 1;
                        starts.entry(name.to_vec()).or_insert(start);
                    }
                    (place, begins) = (end + 1, true);
                    continue;
                }
                let Some(next) = next_name(&piece[place..], begins) else {
                    break;
                };
                place += next;
                line = Some(Vec::new());
            }
            at += piece.len() as u64;
            begins = piece.last() == Some(&b'\n');
        }
        if starts.is_empty() {
            let path = self.path.display();
            return Err(Error::Invalid(format!(
                "{path} is no FASTA file: no line begins with >"
            )));
        }
        self.starts = starts;
        Ok(())
    }

    /// Content from a place on: as much as is convenient, none at the end.
    fn content_at(&mut self, at: u64, piece: &mut Vec<u8>) -> Result<()> {
        let path = &self.path;
        let failed = |error| Error::store("cannot read", path, error);
        piece.clear();
        match &mut self.content {
            Content::Plain(file) => {
                file.seek(SeekFrom::Start(at)).map_err(failed)?;
                let limited = file.take(PIECE as u64).read_to_end(piece);
                limited.map_err(failed)?;
            }
            Content::Memory(content) => {
                let from = usize::try_from(at).map_or(content.len(), |at| at.min(content.len()));
                piece.extend_from_slice(&content[from..content.len().min(from + PIECE)]);
            }
            Content::Blocks(file, blocks, inflater) => {
                // The last block that begins there or before; empty ones are passed over.
                let mut number = blocks.partition_point(|&(start, _)| start <= at);
                while piece.is_empty() && 0 < number && number < blocks.len() {
                    let ((start, from), (_, to)) = (blocks[number - 1], blocks[number]);
                    let content = block(file, from, to, inflater, path)?;
                    let skipped = usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX);
                    piece.extend_from_slice(content.get(skipped..).unwrap_or_default());
                    number += 1;
                }
            }
        }
        Ok(())
    }
}

/// Where a line that begins with > begins in `text`; `begins` says whether the text begins a line.
fn next_name(text: &[u8], begins: bool) -> Option<usize> {
    memchr::memchr_iter(b'>', text).find(|&at| match at.checked_sub(1) {
        Some(before) => text[before] == b'\n',
        None => begins,
    })
}

/// The name in a line that begins with >: all up to the first space.
fn name_of(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_prefix(b">")?;
    line.split(u8::is_ascii_whitespace).next()
}

/// Names and first columns of an index made by `samtools faidx`.
fn parse_index(text: &[u8], path: &Path) -> Result<HashMap<Vec<u8>, u64>> {
    let mut starts = HashMap::new();
    for line in text
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let mut fields = line.split(|&byte| byte == b'\t');
        let (name, offset) = (fields.next(), fields.nth(1));
        let offset = offset
            .and_then(|field| std::str::from_utf8(field).ok())
            .and_then(|field| field.trim_end().parse().ok());
        let (Some(name), Some(offset)) = (name, offset) else {
            let path = path.display();
            return Err(Error::Invalid(format!(
                "{path} is no FASTA index: make it again with \"samtools faidx\", or remove it"
            )));
        };
        starts.entry(name.to_vec()).or_insert(offset);
    }
    Ok(starts)
}

/// Where the contents of a BGZF file's blocks begin, and where the blocks do; at the end, where both end.
fn blocks(file: &mut File) -> std::io::Result<Vec<(u64, u64)>> {
    let length = file.seek(SeekFrom::End(0))?;
    let (mut content, mut at) = (0, 0);
    let mut blocks = vec![(0, 0)];
    while at < length {
        // Of a header there is seldom more than this.
        let mut head = [0; 64];
        let known = head.len().min((length - at) as usize);
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut head[..known])?;
        let damaged = || std::io::Error::other(format!("no BGZF block at {at}"));
        let Framing::Block { length: size, .. } = bgzf::frame(&head[..known]) else {
            return Err(damaged());
        };
        let end = at + size as u64;
        file.seek(SeekFrom::Start(end - 4))?;
        let mut tail = [0; 4];
        file.read_exact(&mut tail).map_err(|_| damaged())?;
        (content, at) = (content + u64::from(u32::from_le_bytes(tail)), end);
        blocks.push((content, at));
    }
    Ok(blocks)
}

/// The content of the BGZF block from `from` to `to`.
fn block(
    file: &mut File,
    from: u64,
    to: u64,
    inflater: &mut Inflater,
    path: &Path,
) -> Result<Vec<u8>> {
    let failed = |error| Error::store("cannot read", path, error);
    let mut bytes = vec![0; (to - from) as usize];
    file.seek(SeekFrom::Start(from)).map_err(failed)?;
    file.read_exact(&mut bytes).map_err(failed)?;
    let mut content = Vec::new();
    let sound = match bgzf::frame(&bytes) {
        Framing::Block { head, .. } => {
            let deflate = &bytes[head..bytes.len() - bgzf::TAIL_LENGTH];
            inflater
                .inflate(deflate, &mut content, bgzf::MAX_CONTENT)
                .is_ok()
        }
        _ => false,
    };
    let (sum, length) = bgzf::tail(&bytes);
    if !sound || crc32fast::hash(&content) != sum || content.len() != length as usize {
        let path = path.display();
        return Err(Error::Damaged(format!(
            "{path}: the BGZF block at {from} is damaged"
        )));
    }
    Ok(content)
}

/// The content of a gzip file that is not BGZF.
fn gunzip(bytes: &[u8], path: &Path) -> Result<Vec<u8>> {
    let display = path.display();
    let damaged = || Error::Damaged(format!("{display}: not a whole gzip file"));
    let (mut content, mut rest) = (Vec::new(), bytes);
    let mut inflater = Inflater::new();
    while !rest.is_empty() {
        let deflate = behind_gzip_head(rest).ok_or_else(damaged)?;
        let mut member = Vec::new();
        let room = MOST_GZIP - content.len();
        let taken = match inflater.inflate(deflate, &mut member, room) {
            Ok(taken) => taken,
            Err(readvault_encoders::InflateError::TooLong) => {
                return Err(Error::Unsupported(format!(
                    "{display} is gzip of more than 1 GiB: compress it with bgzip instead, or not at all"
                )));
            }
            Err(_) => return Err(damaged()),
        };
        let tail = deflate.get(taken..taken + 8).ok_or_else(damaged)?;
        let (sum, length) = bgzf::tail(tail);
        if crc32fast::hash(&member) != sum || member.len() as u32 != length {
            return Err(damaged());
        }
        content.append(&mut member);
        rest = &deflate[taken + 8..];
    }
    Ok(content)
}

/// What follows a gzip member's header (RFC 1952, section 2.3).
fn behind_gzip_head(bytes: &[u8]) -> Option<&[u8]> {
    let flags = *bytes.strip_prefix(&[31, 139, 8])?.first()?;
    let mut rest = bytes.get(10..)?;
    if flags & 4 != 0 {
        let length = usize::from(u16::from_le_bytes([*rest.first()?, *rest.get(1)?]));
        rest = rest.get(2 + length..)?;
    }
    // A file name and a comment, each with a NUL behind it.
    for flag in [8, 16] {
        if flags & flag != 0 {
            rest = &rest[memchr::memchr(0, rest)? + 1..];
        }
    }
    rest.get(if flags & 2 == 0 { 0 } else { 2 }..)
}

/// Gives the text of a file that holds one sequence and nothing else to `sink`.
pub(super) fn read_plain(path: &Path, mut sink: impl FnMut(&[u8])) -> Result<()> {
    let failed = |error| Error::store("cannot read", path, error);
    let mut file = File::open(path).map_err(failed)?;
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece).map_err(failed)? {
            0 => return Ok(()),
            length => sink(&piece[..length]),
        }
    }
}
