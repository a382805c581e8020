//! What small chunks cost: a file's records coded as one chunk, and as a key chunk followed by small ones.
//!
//! `./run bench chunks` runs this; it is a measurement, and a proof that what was measured decodes.

use super::models::{Family, Models, Part};
use super::{Context, Level, Records, laboratory};

/// Stored bytes of a chunk's parts, and what its models know afterwards.
fn code(records: &mut Records, models: &Models, context: &Context<'_>) -> (Vec<Vec<u8>>, Models) {
    let (mut parts, mut after) = (Vec::new(), Models::default());
    let mut decoded = Records::to_decode(records.count, usize::MAX);
    for part in Part::ALL {
        let coded = models.encode(part, Level::Default, context, records);
        let coded = coded.expect("records of a file are coded");
        let family = Family::of_codec(part, coded.codec).expect("it is one of this part's");
        let stored = coded.stored;
        let left = models.decode(part, family, &stored, context, &mut decoded);
        after.take(part, left.expect("what was coded is decoded"));
        parts.push(stored);
    }
    assert_eq!(records.qualities, decoded.qualities);
    assert_eq!(records.bases, decoded.bases);
    assert_eq!(records.names, decoded.names);
    (parts, after)
}

fn bytes(parts: &[Vec<u8>]) -> usize {
    parts.iter().map(Vec::len).sum()
}

/// Records of a small chunk: 2,500, or as many long reads as have 300,000 bases.
fn small(records: &Records) -> usize {
    let bases: usize = records.lengths.iter().map(|&length| length as usize).sum();
    let mean = bases / records.count.max(1);
    if mean > 1000 {
        (300_000 / mean).max(1)
    } else {
        2_500
    }
}

/// Prints, for each file of `READVAULT_CHUNKS_OF` (paths, between colons): its name, records of the key chunk (eight times
/// those of others) and of others, bytes as one chunk, as a key chunk and others, and how many chunks those are; then the
/// same for each part.
#[test]
#[ignore = "measures what small chunks cost: ./run bench chunks"]
fn small_chunks_cost_little() {
    let files = std::env::var("READVAULT_CHUNKS_OF").unwrap_or_default();
    for path in files.split(':').filter(|path| !path.is_empty()) {
        let (mut whole, references) =
            laboratory::load(path, usize::MAX, usize::MAX).expect("the file is there");
        let context = Context {
            references: &references,
            bases: None,
        };
        let other = small(&whole[0]);
        let key = 8 * other;
        let (one, _) = code(&mut whole[0], &Models::default(), &context);
        drop(whole);
        let (mut chunks, _) = laboratory::load(path, key, other).expect("the file is there");
        let (mut several, models) = code(&mut chunks[0], &Models::default(), &context);
        for chunk in &mut chunks[1..] {
            let (parts, _) = code(chunk, &models, &context);
            for (sum, part) in several.iter_mut().zip(parts) {
                sum.extend(part);
            }
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        println!(
            "chunks,{name},all,{key},{other},{},{},{}",
            bytes(&one),
            bytes(&several),
            chunks.len()
        );
        for (part, (one, several)) in Part::ALL.iter().zip(one.iter().zip(&several)) {
            println!(
                "chunks,{name},{part:?},{key},{other},{},{},{}",
                one.len(),
                several.len(),
                chunks.len()
            );
        }
    }
}
