//! BGZF blocks: by any encoder there is, by hand, strange, and damaged.

use readvault_encoders::{Encoder, Encoders};

use super::Random;

/// The end-of-file block of htslib.
pub const EOF: [u8; 28] = [
    31, 139, 8, 4, 0, 0, 0, 0, 0, 255, 6, 0, 66, 67, 2, 0, 27, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

/// Bytes of a block's header that are not the usual ones.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// Modification time of the gzip member.
    pub mtime: u32,
    /// XFL byte.
    pub xfl: u8,
    /// OS byte; none for the usual 255.
    pub os: Option<u8>,
    /// Extra fields before `BC`.
    pub before: Vec<u8>,
    /// Extra fields after it.
    pub after: Vec<u8>,
}

impl Head {
    /// Anything that the format allows.
    pub fn strange(random: &mut Random) -> Self {
        let mut field = || {
            let length = random.below(9);
            let mut field = vec![b'A' + random.below(20) as u8, b'a', length as u8, 0];
            field.extend(random.bytes(length));
            field
        };
        let (before, after) = (field(), field());
        Self {
            mtime: random.next() as u32,
            xfl: *random.pick(&[0, 2, 4, 77]),
            os: Some(*random.pick(&[0, 3, 255])),
            before: if random.one_in(2) { before } else { Vec::new() },
            after: if random.one_in(2) { after } else { Vec::new() },
        }
    }
}

/// A block of these parts.
pub fn block(head: &Head, deflate: &[u8], content: &[u8]) -> Vec<u8> {
    let extra = head.before.len() + 6 + head.after.len();
    let length = 12 + extra + deflate.len() + 8;
    let mut out = vec![31, 139, 8, 4];
    out.extend(head.mtime.to_le_bytes());
    out.extend([head.xfl, head.os.unwrap_or(255)]);
    out.extend((extra as u16).to_le_bytes());
    out.extend(&head.before);
    out.extend([b'B', b'C', 2, 0]);
    out.extend(u16::try_from(length - 1).unwrap().to_le_bytes());
    out.extend(&head.after);
    out.extend(deflate);
    out.extend(crc32fast::hash(content).to_le_bytes());
    out.extend((content.len() as u32).to_le_bytes());
    out
}

/// How blocks get their DEFLATE bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// One encoder for all.
    One(Encoder),
    /// Another encoder for each block.
    Mixed,
    /// No encoder: literals in blocks of random type and length.
    Odd,
}

/// DEFLATE bytes of `content`.
pub fn deflate(
    style: Style,
    content: &[u8],
    encoders: &mut Encoders,
    random: &mut Random,
) -> Vec<u8> {
    let encoder = match style {
        Style::Odd => return odd_deflate(content, random),
        Style::One(encoder) => encoder,
        Style::Mixed => {
            let all: Vec<Encoder> = Encoder::all().collect();
            *random.pick(&all)
        }
    };
    let mut out = Vec::new();
    if encoders.deflate(encoder, content, &mut out) && out.len() < 65_000 {
        return out;
    }
    assert!(encoders.deflate(Encoder::STORED, content, &mut out));
    out
}

struct Bits {
    out: Vec<u8>,
    used: u32,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        for bit in 0..count {
            if self.used == 0 {
                self.out.push(0);
            }
            let last = self.out.last_mut().unwrap();
            *last |= ((value >> bit & 1) as u8) << self.used;
            self.used = (self.used + 1) % 8;
        }
    }

    /// A literal in the fixed code, whose bits go most significant first.
    fn literal(&mut self, byte: u8) {
        let (code, length) = match byte {
            0..=143 => (0x30 + u32::from(byte), 8),
            144.. => (0x190 + u32::from(byte) - 144, 9),
        };
        self.put(code.reverse_bits() >> (32 - length), length);
    }
}

/// DEFLATE bytes that no encoder makes: literals only, in fixed and stored blocks of random lengths, some empty.
/// Literals take 8 or 9 bits, so `content` should stay below 50 kB.
pub fn odd_deflate(content: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bits = Bits {
        out: Vec::new(),
        used: 0,
    };
    let mut rest = content;
    loop {
        let length = random.below(3000).min(rest.len());
        let (piece, after) = rest.split_at(length);
        rest = after;
        let last = rest.is_empty() && random.one_in(2);
        bits.put(last.into(), 1);
        if random.one_in(3) {
            bits.put(0, 2);
            // The bits before a stored block's length mean nothing, and need not be zero.
            while bits.used > 0 {
                bits.put(u32::from(random.one_in(2)), 1);
            }
            bits.out.extend((length as u16).to_le_bytes());
            bits.out.extend((!(length as u16)).to_le_bytes());
            bits.out.extend(piece);
        } else {
            bits.put(1, 2);
            piece.iter().for_each(|&byte| bits.literal(byte));
            bits.put(0, 7);
        }
        if last {
            return bits.out;
        }
    }
}

/// Cuts `content` into pieces by a rule: at most `limit` bytes, random lengths if `ragged`, at `borders` if given.
pub fn cut(
    content: &[u8],
    borders: &[usize],
    limit: usize,
    ragged: bool,
    random: &mut Random,
) -> Vec<(usize, usize)> {
    let (mut pieces, mut start) = (Vec::new(), 0);
    while start < content.len() {
        let mut end = (start + limit).min(content.len());
        if ragged {
            end = (start + 1 + random.below(limit)).min(content.len());
        } else if let Some(&border) = borders.iter().rev().find(|&&b| b > start && b <= end) {
            end = if end == content.len() { end } else { border };
        }
        pieces.push((start, end));
        start = end;
    }
    pieces
}
