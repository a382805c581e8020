//! What a decoded part's checksum is over: its fields as bytes, in an order that `spec/codecs.md` gives.

use super::models::Part;
use super::{Records, part};

/// Length and CRC-32C of the bytes of a part.
pub(crate) fn digest(records: &Records, of: Part) -> (u64, u32) {
    let mut sum = Sum::default();
    match of {
        Part::Alignment => alignment(records, &mut sum),
        Part::Templates => {
            for index in 0..records.count {
                sum.add(&records.links[index].to_le_bytes());
                sum.add(&records.lines[index].to_le_bytes());
            }
            for (tag, kind) in records.line_tags.iter().flatten() {
                sum.add(&[tag[0], tag[1], *kind]);
            }
        }
        Part::Names => {
            for index in 0..records.name_ends.len() {
                sum.add(&records.names[part(&records.name_ends, index)]);
                sum.add(&[0]);
            }
        }
        Part::Bases => sum.add(&records.bases),
        Part::Qualities => sum.add(&records.qualities),
        Part::Tags => {
            for column in &records.columns {
                sum.add(&column.values);
                for &end in &column.ends {
                    sum.add(&(end as u32).to_le_bytes());
                }
            }
        }
    }
    sum.finish()
}

fn alignment(records: &Records, sum: &mut Sum) {
    for index in 0..records.count {
        let [low, high] = records.flags[index].to_le_bytes();
        let cigar = records.cigar_of(index);
        let numbers = [
            records.references[index] as u32,
            records.positions[index] as u32,
            records.lengths[index],
            records.mate_references[index] as u32,
            records.mate_positions[index] as u32,
            records.template_lengths[index] as u32,
            cigar.len() as u32,
        ];
        let mut bytes = [0; 3 + 7 * 4];
        bytes[..3].copy_from_slice(&[low, high, records.mapq[index]]);
        for (bytes, number) in bytes[3..].as_chunks_mut::<4>().0.iter_mut().zip(numbers) {
            *bytes = number.to_le_bytes();
        }
        sum.add(&bytes);
        for operation in cigar {
            sum.add(&operation.to_le_bytes());
        }
    }
}

/// Small pieces are gathered until they come to this many bytes: a checksum over few bytes takes long to start.
const GATHERED: usize = 1 << 13;

#[derive(Default)]
struct Sum {
    length: u64,
    crc: u32,
    gathered: Vec<u8>,
}

impl Sum {
    #[inline]
    fn add(&mut self, bytes: &[u8]) {
        if self.gathered.len() + bytes.len() > GATHERED {
            self.settle();
            if bytes.len() > GATHERED {
                self.sum(bytes);
                return;
            }
        }
        self.gathered.extend_from_slice(bytes);
    }

    /// Takes in what is gathered.
    fn settle(&mut self) {
        let gathered = std::mem::take(&mut self.gathered);
        self.sum(&gathered);
        self.gathered = gathered;
        self.gathered.clear();
        self.gathered.reserve(GATHERED);
    }

    fn sum(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.crc = crc32c::crc32c_append(self.crc, bytes);
    }

    fn finish(mut self) -> (u64, u32) {
        self.settle();
        (self.length, self.crc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_every_size_are_summed_as_one() {
        let bytes: Vec<u8> = (0..40_000u32).map(|at| (at * at >> 7) as u8).collect();
        for size in [1, 7, 31, 4096, 8191, 8192, 8193, 20_000, 40_000] {
            let mut sum = Sum::default();
            for piece in bytes.chunks(size) {
                sum.add(piece);
            }
            assert_eq!(sum.finish(), (40_000, crc32c::crc32c(&bytes)));
        }
    }
}
