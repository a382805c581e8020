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
    (sum.length, sum.crc)
}

fn alignment(records: &Records, sum: &mut Sum) {
    let mut bytes = Vec::new();
    for index in 0..records.count {
        bytes.clear();
        bytes.extend_from_slice(&records.flags[index].to_le_bytes());
        bytes.push(records.mapq[index]);
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
        for number in numbers.iter().chain(cigar) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        sum.add(&bytes);
    }
}

#[derive(Default)]
struct Sum {
    length: u64,
    crc: u32,
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.crc = crc32c::crc32c_append(self.crc, bytes);
    }
}
