//! Archives taken apart and put together again by a second hand: checksums and hashes are made anew, so that what
//! lies behind them can be tested with values that no compressor would write.

use sha2::{Digest, Sha256};

const HEAD: usize = 5;
const FOOTER: usize = 24;

pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)) as u64);
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Sets the CRC32C in the last four bytes.
pub fn reseal(bytes: &mut [u8]) {
    if let Some(body) = bytes.len().checked_sub(4) {
        let crc = crc32c::crc32c(&bytes[..body]);
        bytes[body..].copy_from_slice(&crc.to_le_bytes());
    }
}

fn sealed(mut body: Vec<u8>) -> Vec<u8> {
    body.extend([0; 4]);
    reseal(&mut body);
    body
}

/// An archive in its parts.
#[derive(Clone)]
pub struct Parts {
    /// The whole header.
    pub header: Vec<u8>,
    /// Kind and payload of every frame before the trailer.
    pub frames: Vec<(u8, Vec<u8>)>,
    /// The trailer's payload.
    pub trailer: Vec<u8>,
}

impl Parts {
    /// Takes a whole archive apart.
    pub fn read(archive: &[u8]) -> Self {
        let number =
            |at: usize| u32::from_le_bytes(archive[at..at + 4].try_into().unwrap()) as usize;
        let mut at = 16 + number(12) + 4;
        let header = archive[..at].to_vec();
        let mut frames = Vec::new();
        while at < archive.len() - FOOTER {
            let end = at + HEAD + number(at + 1);
            frames.push((archive[at], archive[at + HEAD..end].to_vec()));
            at = end;
        }
        let (kind, trailer) = frames.pop().unwrap();
        assert_eq!(kind, b'T');
        Self {
            header,
            frames,
            trailer,
        }
    }

    /// Makes all checksums and hashes new, as if `original` had been written with these bytes, and joins the parts.
    pub fn seal(mut self, original: &Self) -> Vec<u8> {
        reseal(&mut self.header);
        let (header, trailer) = (sha256(&self.header), &mut self.trailer);
        replace(trailer, &sha256(&original.header), &header);
        let mut hashes = Vec::new();
        for ((kind, payload), (_, before)) in self.frames.iter_mut().zip(&original.frames) {
            match kind {
                b'C' => seal_chunk(payload),
                b'G' | b'A' => reseal(payload),
                _ => continue,
            }
            hashes.push((sha256(before), sha256(payload)));
        }
        for ((kind, payload), (_, before)) in self.frames.iter_mut().zip(&original.frames) {
            if *kind == b'P' {
                for (before, after) in &hashes {
                    replace(payload, &before[..16], &after[..16]);
                }
                reseal(payload);
                replace(&mut self.trailer, &sha256(before), &sha256(payload));
            }
        }
        reseal(&mut self.trailer);
        self.join()
    }

    fn join(self) -> Vec<u8> {
        let mut out = self.header;
        for (kind, payload) in &self.frames {
            put_frame(&mut out, *kind, payload);
        }
        let at = out.len() as u64;
        put_frame(&mut out, b'T', &self.trailer);
        let mut footer = at.to_le_bytes().to_vec();
        footer.extend((self.trailer.len() as u32).to_le_bytes());
        out.extend(sealed(footer));
        out.extend(b"RVAend\r\n");
        out
    }

    /// The trailer with its sections changed: number and bytes of each go through `change`.
    pub fn with_sections(&self, mut change: impl FnMut(u64, &mut Vec<u8>)) -> Self {
        let (mut at, mut trailer) = (0, Vec::new());
        while at < self.trailer.len() - 4 {
            let tag = varint(&self.trailer, &mut at).unwrap();
            let length = varint(&self.trailer, &mut at).unwrap() as usize;
            let mut bytes = self.trailer[at..at + length].to_vec();
            at += length;
            change(tag, &mut bytes);
            put_varint(&mut trailer, tag);
            put_varint(&mut trailer, bytes.len() as u64);
            trailer.extend(bytes);
        }
        Self {
            trailer: sealed(trailer),
            ..self.clone()
        }
    }
}

/// Where an archive has the stored bytes of chunks' units: a checksum is all that stands over them.
pub fn stored_bytes(archive: &[u8]) -> Vec<std::ops::Range<usize>> {
    let parts = Parts::read(archive);
    let (mut at, mut found) = (parts.header.len(), Vec::new());
    for (kind, payload) in &parts.frames {
        at += HEAD;
        if let (b'C', Some(plan)) = (kind, plan_chunk(payload)) {
            let units = plan.units.into_iter();
            found.extend(units.map(|(_, place)| at + place.start..at + place.end));
        }
        at += payload.len();
    }
    found
}

fn put_frame(out: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    out.push(kind);
    out.extend((payload.len() as u32).to_le_bytes());
    out.extend(payload);
}

fn replace(bytes: &mut [u8], before: &[u8], after: &[u8]) {
    let found = bytes
        .windows(before.len())
        .position(|window| window == before);
    if let Some(at) = found {
        bytes[at..at + after.len()].copy_from_slice(after);
    }
}

/// Where things are in a chunk's payload.
pub struct ChunkPlan {
    /// The head's body.
    pub head: std::ops::Range<usize>,
    /// Where each unit's checksum is, and its stored bytes.
    pub units: Vec<(usize, std::ops::Range<usize>)>,
}

/// Reads a chunk's head without believing it.
pub fn plan_chunk(payload: &[u8]) -> Option<ChunkPlan> {
    let mut at = 0;
    let length = usize::try_from(varint(payload, &mut at)?).ok()?;
    let head = at..at.checked_add(length)?;
    let mut start = head.end.checked_add(4)?;
    if start > payload.len() {
        return None;
    }
    let mut plan = ChunkPlan {
        head,
        units: Vec::new(),
    };
    at += 1;
    for _ in 0..6 {
        varint(payload, &mut at)?;
    }
    for _ in 0..varint(payload, &mut at)?.min(1000) {
        at += 2;
        let Some(length) = varint(payload, &mut at) else {
            break;
        };
        let crc_at = at;
        at += 8;
        let end = start.saturating_add(length as usize);
        if end > payload.len() {
            break;
        }
        plan.units.push((crc_at, start..end));
        start = end;
        for _ in 0..varint(payload, &mut at).unwrap_or(0).min(100_000) {
            varint(payload, &mut at);
            varint(payload, &mut at);
        }
    }
    Some(plan)
}

/// Makes a chunk's checksums fit its bytes, as far as its head can be read.
fn seal_chunk(payload: &mut [u8]) {
    let Some(plan) = plan_chunk(payload) else {
        return;
    };
    for (crc_at, place) in plan.units {
        let crc = crc32c::crc32c(&payload[place]);
        if crc_at + 4 <= plan.head.end {
            payload[crc_at..crc_at + 4].copy_from_slice(&crc.to_le_bytes());
        }
    }
    reseal(&mut payload[..plan.head.end + 4]);
}

/// One coder run of a made-up chunk.
#[derive(Clone)]
pub struct Unit {
    pub bundle: u8,
    pub codec: u8,
    pub stored: Vec<u8>,
    pub decoded_crc: u32,
    pub members: Vec<(u32, u64)>,
}

impl Unit {
    /// A stream that is stored as it is.
    pub fn stored(bundle: u8, key: u32, bytes: Vec<u8>) -> Self {
        Self {
            bundle,
            codec: 0,
            decoded_crc: crc32c::crc32c(&bytes),
            members: vec![(key, bytes.len() as u64)],
            stored: bytes,
        }
    }
}

/// A chunk of any values.
#[derive(Clone, Default)]
pub struct Chunk {
    pub kind: u8,
    pub content_length: u64,
    pub records: u64,
    pub blocks: u64,
    pub source_length: u64,
    pub first_block: i64,
    pub cut: u64,
    pub units: Vec<Unit>,
}

impl Chunk {
    pub fn payload(&self) -> Vec<u8> {
        let mut body = vec![self.kind];
        for value in [
            self.content_length,
            self.records,
            self.blocks,
            self.source_length,
        ] {
            put_varint(&mut body, value);
        }
        put_signed(&mut body, self.first_block);
        put_varint(&mut body, self.cut);
        put_varint(&mut body, self.units.len() as u64);
        for unit in &self.units {
            body.extend([unit.bundle, unit.codec]);
            put_varint(&mut body, unit.stored.len() as u64);
            body.extend(crc32c::crc32c(&unit.stored).to_le_bytes());
            body.extend(unit.decoded_crc.to_le_bytes());
            put_varint(&mut body, unit.members.len() as u64);
            for &(key, length) in &unit.members {
                put_varint(&mut body, key.into());
                put_varint(&mut body, length);
            }
        }
        let mut out = Vec::new();
        put_varint(&mut out, body.len() as u64);
        out.extend(body);
        out = sealed(out);
        self.units.iter().for_each(|unit| out.extend(&unit.stored));
        out
    }
}

/// An archive of these chunks whose source has these bytes as far as its fingerprint says. `column` may change any
/// number of the directory: it gets column, row and value.
pub fn archive(
    member: u8,
    chunks: &[Chunk],
    source: &[u8],
    column: impl Fn(usize, usize, i64) -> i64,
) -> Vec<u8> {
    let mut header = b"\x89RVA\r\n\x1a\n".to_vec();
    let mut payload = vec![7; 16];
    payload.extend([1, member, 0, 0]);
    header.extend(1u32.to_le_bytes());
    header.extend((payload.len() as u32).to_le_bytes());
    header.extend(payload);
    let header = sealed(header);
    let group = sealed(vec![0, 0]);
    let payloads: Vec<Vec<u8>> = chunks.iter().map(Chunk::payload).collect();
    let mut frames = vec![(b'G', group.clone())];
    frames.extend(payloads.iter().map(|payload| (b'C', payload.clone())));
    if chunks.is_empty() {
        frames.clear();
    }
    let start = header.len() as u64;
    let end = start
        + frames
            .iter()
            .map(|(_, payload)| (HEAD + payload.len()) as u64)
            .sum::<u64>();
    let rows = chunks.len();
    let mut columns = Vec::new();
    for number in 0..12 {
        for row in 0..rows {
            let before = row.checked_sub(1).map(|row| &chunks[row]);
            let value = match number {
                0 => payloads[row].len() as i64,
                1 if row == 0 => group.len() as i64,
                1 => -1,
                2 => chunks[row].records as i64 - before.map_or(0, |b| b.records as i64),
                9 => before.map_or(0, |b| b.source_length as i64),
                10 => before.map_or(0, |b| b.content_length as i64),
                11 => chunks[row].first_block,
                _ => 0,
            };
            put_signed(&mut columns, column(number, row, value));
        }
    }
    let mut page = Vec::new();
    put_varint(&mut page, rows as u64);
    put_varint(&mut page, columns.len() as u64);
    let packed = zstd::bulk::compress(&columns, 3).unwrap();
    put_varint(&mut page, packed.len() as u64);
    page.extend(packed);
    payloads
        .iter()
        .for_each(|payload| page.extend(&sha256(payload)[..16]));
    page.extend(&sha256(&group)[..16]);
    let page = sealed(page);
    let mut root = Vec::new();
    if chunks.is_empty() {
        put_varint(&mut root, 0);
    } else {
        put_varint(&mut root, 1);
        let records = chunks.iter().map(|chunk| chunk.records).sum();
        for value in [
            end,
            page.len() as u64,
            rows as u64,
            start,
            end,
            0,
            0,
            records,
        ] {
            put_varint(&mut root, value);
        }
        root.extend([0; 6]);
        root.extend(sha256(&page));
        frames.push((b'P', page));
    }
    let mut fingerprint = (source.len() as u64).to_le_bytes().to_vec();
    fingerprint.extend(sha256(source));
    fingerprint.extend(md5::Md5::digest(source));
    let mut trailer = Vec::new();
    let counts = vec![0; 9];
    for (tag, bytes) in [
        (1, fingerprint),
        (3, sha256(&header).to_vec()),
        (5, root),
        (10, counts),
    ] {
        put_varint(&mut trailer, tag);
        put_varint(&mut trailer, bytes.len() as u64);
        trailer.extend(bytes);
    }
    Parts {
        header,
        frames,
        trailer: sealed(trailer),
    }
    .join()
}
