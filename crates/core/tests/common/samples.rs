//! Small sources that between them use every kind of chunk, stream and attachment.

use std::fs;
use std::path::{Path, PathBuf};

use readvault_core::archive::{Level, Sizes};
use readvault_encoders::{Encoder, Encoders};

use super::bam::{self, Record};
use super::bgzf::{self, Head, Style};
use super::{Random, pack_as, threads};

/// A source and, if it has one, its index.
pub struct Sample {
    pub name: &'static str,
    pub source: Vec<u8>,
    pub index: Option<Vec<u8>>,
    /// Sizes of its groups, if they are not those of every archive.
    pub sizes: Option<Sizes>,
    pub level: Level,
}

impl Sample {
    /// Writes source and index into `folder` and compresses them.
    pub fn pack(&self, folder: &Path) -> PathBuf {
        let path = folder.join(self.name);
        fs::write(&path, &self.source).unwrap();
        if let Some(index) = &self.index {
            fs::write(super::with_suffix(&path, "bai"), index).unwrap();
        }
        let mut options = threads(1);
        options.sizes = self.sizes.unwrap_or_default();
        options.level = self.level;
        pack_as(&path, options).unwrap().0
    }
}

fn encoder() -> Style {
    Style::One(Encoder::from_number(6).unwrap())
}

fn lay_out(content: &[u8], limit: usize, style: impl Fn(usize) -> Style) -> Vec<u8> {
    let (mut encoders, mut random) = (Encoders::new(), Random::new(11));
    let mut out = Vec::new();
    for (number, piece) in content.chunks(limit).enumerate() {
        let deflate = bgzf::deflate(style(number), piece, &mut encoders, &mut random);
        let head = if number == 1 {
            Head::strange(&mut random)
        } else {
            Head::default()
        };
        out.extend(bgzf::block(&head, &deflate, piece));
    }
    out
}

/// A few ordinary pairs.
pub fn plain(pairs: usize) -> Vec<u8> {
    let mut random = Random::new(1);
    let records = (0..pairs).flat_map(|i| bam::pair(i, &mut random));
    let (content, _) = bam::content(bam::usual_header(), records);
    let mut out = lay_out(&content, 65_280, |_| encoder());
    out.extend(bgzf::EOF);
    out
}

/// Strange records in blocks of usual, unlikely and unknown encoders, bytes between them, and a broken end.
pub fn strange(records: usize) -> Vec<u8> {
    let (mut random, mut names) = (Random::new(4), Vec::new());
    let records: Vec<Record> = (0..records)
        .flat_map(|i| {
            let [left, right] = bam::pair(i, &mut random);
            let mut stranger = bam::strange(&mut random, &mut names);
            // Short ones: these archives are cut and flipped at every byte.
            stranger.bases.truncate(40);
            stranger.qualities.truncate(40);
            stranger.name.truncate(60);
            [left, stranger, right]
        })
        .collect();
    let (content, _) = bam::content(bam::usual_header(), records);
    let mut out = lay_out(&content, 700, |number| {
        if number % 3 == 2 {
            Style::Odd
        } else {
            encoder()
        }
    });
    out.extend(b"not a block");
    out.extend(lay_out(&content[..500], 400, |_| encoder()));
    out.extend(&bgzf::EOF[..20]);
    out
}

/// Pairs in blocks so small that, with [`GROUPS`], there is a key chunk and others.
pub fn grouped(pairs: usize) -> Vec<u8> {
    let mut random = Random::new(2);
    let records = (0..pairs).flat_map(|i| bam::pair(i, &mut random));
    let (content, _) = bam::content(bam::usual_header(), records);
    let mut out = lay_out(&content, 500, |_| encoder());
    out.extend(bgzf::EOF);
    out
}

/// Pairs with original qualities, some of them odd, in small blocks.
pub fn recalibrated(pairs: usize) -> Vec<u8> {
    let mut random = Random::new(5);
    let records = (0..pairs).flat_map(|i| bam::pair(i, &mut random));
    let mut records: Vec<Record> = records.collect();
    for (number, record) in records.iter_mut().enumerate() {
        bam::recalibrate(record, number);
    }
    let (content, _) = bam::content(bam::usual_header(), records);
    let mut out = lay_out(&content, 2000, |_| encoder());
    out.extend(bgzf::EOF);
    out
}

/// Mebibytes of records that hardly differ.
pub fn monotonous() -> Sample {
    let mut random = Random::new(3);
    let [record, _] = bam::pair(1, &mut random);
    let (content, _) = bam::content(bam::usual_header(), vec![record; 30_000]);
    Sample {
        name: "monotonous.bam",
        source: lay_out(&content, 65_280, |_| encoder()),
        index: None,
        sizes: None,
        level: Level::Max,
    }
}

/// Sizes for sources of a few kilobytes: a key chunk and two modelled ones make a group.
pub const GROUPS: Sizes = Sizes {
    key: 1000,
    other: 500,
    group: 3,
};

/// The same for tens of kilobytes.
pub const LARGER_GROUPS: Sizes = Sizes {
    key: 12_000,
    other: 4000,
    group: 3,
};

/// An index for [`plain`] and other files with two references.
fn index() -> Vec<u8> {
    let mut out = b"BAI\x01".to_vec();
    for value in [2u32, 1, 4681, 1] {
        out.extend(value.to_le_bytes());
    }
    out.extend(0u64.to_le_bytes());
    out.extend((90u64 << 16).to_le_bytes());
    for value in [0u32, 0, 0] {
        out.extend(value.to_le_bytes());
    }
    out
}

/// Small sources of every kind.
pub fn all() -> Vec<Sample> {
    let sample = |name, source, index| Sample {
        name,
        source,
        index,
        sizes: None,
        level: Level::Default,
    };
    let text: Vec<u8> = (0..40)
        .flat_map(|i| format!("chr1\t{}\t.\tA\tC\t{}\tPASS\n", i * 1731, i % 7).into_bytes())
        .collect();
    let mut variants = lay_out(&text, 300, |_| encoder());
    variants.extend(bgzf::EOF);
    vec![
        sample("plain.bam", plain(8), Some(index())),
        sample("strange.bam", strange(4), None),
        sample("variants.vcf.gz", variants, None),
        sample("text.txt", text, None),
        sample("empty", Vec::new(), None),
        Sample {
            sizes: Some(GROUPS),
            ..sample("grouped.bam", grouped(7), None)
        },
    ]
}
