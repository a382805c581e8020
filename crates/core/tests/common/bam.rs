//! BAM content that is valid, strange, or broken.

use super::Random;

/// What a record is made of; [`Record::bytes`] writes it whatever it says.
#[derive(Clone, Debug, Default)]
pub struct Record {
    pub reference: i32,
    pub position: i32,
    pub name: Vec<u8>,
    pub mapq: u8,
    /// None for the one that follows from position and CIGAR.
    pub bin: Option<u16>,
    pub flags: u16,
    pub cigar: Vec<u32>,
    /// One base code for each base.
    pub bases: Vec<u8>,
    /// The low four bits behind an odd number of bases.
    pub padding: u8,
    pub qualities: Vec<u8>,
    pub mate_reference: i32,
    pub mate_position: i32,
    pub template_length: i32,
    pub tags: Vec<u8>,
}

impl Record {
    pub fn bytes(&self) -> Vec<u8> {
        let mut body = Vec::new();
        body.extend(self.reference.to_le_bytes());
        body.extend(self.position.to_le_bytes());
        body.extend([self.name.len() as u8, self.mapq]);
        let length: u64 = self
            .cigar
            .iter()
            .filter(|&op| matches!(op & 15, 0 | 2 | 3 | 7 | 8))
            .map(|op| u64::from(op >> 4))
            .sum();
        body.extend(
            self.bin
                .unwrap_or_else(|| bin(self.position, length))
                .to_le_bytes(),
        );
        body.extend((self.cigar.len() as u16).to_le_bytes());
        body.extend(self.flags.to_le_bytes());
        body.extend((self.bases.len() as u32).to_le_bytes());
        body.extend(self.mate_reference.to_le_bytes());
        body.extend(self.mate_position.to_le_bytes());
        body.extend(self.template_length.to_le_bytes());
        body.extend(&self.name);
        self.cigar
            .iter()
            .for_each(|op| body.extend(op.to_le_bytes()));
        for pair in self.bases.chunks(2) {
            body.push(pair[0] << 4 | pair.get(1).unwrap_or(&self.padding));
        }
        body.extend(&self.qualities);
        body.extend(&self.tags);
        let mut out = (body.len() as u32).to_le_bytes().to_vec();
        out.extend(body);
        out
    }
}

fn bin(position: i32, length: u64) -> u16 {
    let start = i64::from(position);
    let end = start + length.max(1) as i64 - 1;
    for (shift, first) in [(14, 4681), (17, 585), (20, 73), (23, 9), (26, 1)] {
        if start >> shift == end >> shift {
            return (first + (start >> shift)) as u16;
        }
    }
    0
}

/// One tag with a value of this type.
pub fn tag(out: &mut Vec<u8>, name: [u8; 2], kind: u8, random: &mut Random) {
    out.extend(name);
    out.push(kind);
    let width = |kind| match kind {
        b'A' | b'c' | b'C' => 1,
        b's' | b'S' => 2,
        _ => 4,
    };
    match kind {
        b'Z' | b'H' => {
            let length = random.below(30);
            out.extend((0..length).map(|_| b'0' + random.below(10) as u8));
            out.push(0);
        }
        b'B' => {
            let element = *random.pick(b"cCsSiIf");
            let count = random.below(9);
            out.push(element);
            out.extend((count as u32).to_le_bytes());
            out.extend(random.bytes(count * width(element)));
        }
        kind if random.one_in(3) => out.extend(random.bytes(width(kind))),
        kind => {
            let value = random.below(100) as u32;
            out.extend(&value.to_le_bytes()[..width(kind)]);
        }
    }
}

fn tags(random: &mut Random) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..random.below(7) {
        let name = *random.pick(&[
            *b"NM",
            *b"MD",
            *b"AS",
            *b"RG",
            *b"ML",
            *b"XA",
            *b"NM",
            [0, 255],
        ]);
        let kind = *random.pick(b"AcCsSiIfZHB");
        tag(&mut out, name, kind, random);
    }
    if random.one_in(30) {
        match random.below(4) {
            0 => out.extend(b"XQq"),
            1 => out.extend(b"NMi\x01"),
            2 => out.extend(b"XZZnever ends"),
            _ => out.extend(b"XBBi\xff\xff\xff\x7f"),
        }
    }
    out
}

/// A record that may be anything. `names` are those of earlier records.
pub fn strange(random: &mut Random, names: &mut Vec<Vec<u8>>) -> Record {
    let fresh = |random: &mut Random| {
        format!("run:1:{}:{}\0", random.below(9), random.below(100_000)).into_bytes()
    };
    let name = match random.below(24) {
        0 => Vec::new(),
        1 => vec![0],
        2 => b"with\0in\0".to_vec(),
        3 => b"no end".to_vec(),
        4 => random.bytes(255),
        5 => vec![b'x'; 254].into_iter().chain([0]).collect(),
        6..=11 if !names.is_empty() => random.pick(names).clone(),
        _ => fresh(random),
    };
    names.push(name.clone());
    let length = match random.below(20) {
        0 => 0,
        1 => 1,
        2 => random.below(5000),
        _ => 20 + random.below(131),
    };
    let odd = random.one_in(10);
    let bases: Vec<u8> = (0..length)
        .map(|_| {
            if odd {
                random.below(16) as u8
            } else {
                *random.pick(&[1, 2, 4, 8, 1, 2, 4, 8, 15])
            }
        })
        .collect();
    let qualities = match random.below(8) {
        0 => vec![0xff; length],
        1 => (0..length).map(|_| *random.pick(&[0xff, 30])).collect(),
        2 => random.bytes(length),
        _ => (0..length)
            .map(|_| *random.pick(&[2, 12, 23, 37, 37, 37]))
            .collect(),
    };
    let operation = |count: usize, letter: u32| (count as u32) << 4 | letter;
    let half = length / 2;
    let mut tags = tags(random);
    let cigar = match random.below(10) {
        0 => Vec::new(),
        1 => (0..random.below(5)).map(|_| random.next() as u32).collect(),
        2 => vec![
            operation(half, 4),
            operation(7, 2),
            operation(length - half, 0),
            operation(3, 5),
        ],
        3 => vec![
            operation(half, 0),
            operation(5, 3),
            operation(length - half, 7),
        ],
        4 => {
            tags.extend(b"CGBI");
            tags.extend(3u32.to_le_bytes());
            for op in [
                operation(half, 0),
                operation(9, 2),
                operation(length - half, 0),
            ] {
                tags.extend(op.to_le_bytes());
            }
            vec![operation(length, 4), operation(length + 9, 3)]
        }
        _ => vec![operation(length, 0)],
    };
    let place = |random: &mut Random| match random.below(12) {
        0 => (-1, -1),
        1 => (random.next() as i32, random.next() as i32),
        2 => (-7, i32::MIN),
        3 => (i32::MAX, i32::MAX),
        _ => (random.below(2) as i32, random.below(9000) as i32),
    };
    let ((reference, position), (mate_reference, mate_position)) = (place(random), place(random));
    Record {
        reference,
        position,
        name,
        mapq: *random.pick(&[0, 60, 255]),
        bin: random.one_in(12).then(|| random.next() as u16),
        flags: *random.pick(&[0, 4, 16, 99, 147, 83, 163, 256, 2048, 2064, 77, 141, 0xffff]),
        cigar,
        bases,
        padding: if random.one_in(20) {
            random.below(16) as u8
        } else {
            0
        },
        qualities,
        mate_reference,
        mate_position,
        template_length: *random.pick(&[0, 300, -300, i32::MIN, i32::MAX]),
        tags,
    }
}

/// A pair of ordinary mates, left and right.
pub fn pair(number: usize, random: &mut Random) -> [Record; 2] {
    let position = (number * 40) as i32;
    let insert = 250 + random.below(100) as i32;
    let mut ends = [0, 1].map(|end| {
        let at = position + if end == 1 { insert - 100 } else { 0 };
        let mut tags = Vec::new();
        tag(&mut tags, *b"NM", b'C', random);
        tags.extend(b"MDZ100\0RGZgroup\0");
        Record {
            reference: 0,
            position: at,
            name: format!("machine:7:{}:{}\0", 1101 + number / 100, number * 37 % 1000)
                .into_bytes(),
            mapq: 60,
            flags: if end == 1 { 147 } else { 99 },
            cigar: vec![100 << 4],
            bases: (0..100)
                .map(|i| [1, 2, 4, 8][((at + i) as usize * 7919 / 13) % 4])
                .collect(),
            qualities: (0..100)
                .map(|_| *random.pick(&[12, 23, 37, 37, 37, 37]))
                .collect(),
            mate_reference: 0,
            mate_position: position + if end == 0 { insert - 100 } else { 0 },
            template_length: if end == 1 { -insert } else { insert },
            tags,
            ..Record::default()
        }
    });
    ends[1].padding = 0;
    ends
}

/// Makes the qualities of an ordinary mate original ones, in OQ, and others of them. One in a few is odd, by `number`.
pub fn recalibrate(record: &mut Record, number: usize) {
    let mut originals = record.qualities.clone();
    for (at, quality) in record.qualities.iter_mut().enumerate() {
        *quality = *quality - 3 + (at / 20) as u8 + record.bases[at] % 3;
    }
    match number % 20 {
        7 => record.qualities.fill(0xff),
        11 => originals.truncate(90),
        13 => originals[50] = 0xff - 33,
        17 => return,
        _ => {}
    }
    record.tags.extend(b"OQZ");
    record
        .tags
        .extend(originals.iter().map(|quality| quality + 33));
    record.tags.push(0);
}

/// A header of this text and list of names and lengths.
pub fn header(text: &[u8], references: &[(&[u8], u32)]) -> Vec<u8> {
    let mut out = b"BAM\x01".to_vec();
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text);
    out.extend((references.len() as u32).to_le_bytes());
    for (name, length) in references {
        out.extend((name.len() as u32 + 1).to_le_bytes());
        out.extend(*name);
        out.push(0);
        out.extend(length.to_le_bytes());
    }
    out
}

/// The usual header of two references.
pub fn usual_header() -> Vec<u8> {
    header(
        b"@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:c1\tLN:100000\n@SQ\tSN:c2\tLN:5000\n",
        &[(b"c1", 100_000), (b"c2", 5000)],
    )
}

/// A header that may be anything.
pub fn strange_header(random: &mut Random) -> Vec<u8> {
    match random.below(9) {
        0 => header(b"", &[]),
        1 => header(b"@HD\tVN:1.6\n", &[]),
        2 => header(b"@SQ\tSN:c1\tLN:7\n\0\0\0\0", &[(b"c1", 7)]),
        3 => header(b"@SQ\tSN:c1\tLN:7\n", &[(b"other", 8), (b"", 0)]),
        4 => header(
            b"@CO\tonly a list\n",
            &[(b"c1", 100_000), (b"c2", u32::MAX)],
        ),
        5 => header(b"@SQ\tSN:c1\n@SQ\tLN:5\n", &[(b"c1", 1)]),
        6 => {
            let mut broken = header(b"@HD\n", &[(b"c1", 7)]);
            broken[4] = 200;
            broken
        }
        _ => usual_header(),
    }
}

/// Content of a header and records, and where each of them ends.
pub fn content(
    header: Vec<u8>,
    records: impl IntoIterator<Item = Record>,
) -> (Vec<u8>, Vec<usize>) {
    let mut out = header;
    let mut borders = vec![out.len()];
    for record in records {
        out.extend(record.bytes());
        borders.push(out.len());
    }
    (out, borders)
}
