//! The BAM header: SAM text and the list of contigs.

use crate::contigs::Contigs;
use crate::profile::{Aligner, Profile};
use crate::tags::read_group;
use std::fmt::Write;

/// The bytes before the first record.
pub fn header(profile: &Profile, contigs: &Contigs, seed: u64) -> Vec<u8> {
    let text = text(profile, contigs, seed);
    let mut bytes = b"BAM\x01".to_vec();
    bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.extend_from_slice(&(contigs.list.len() as u32).to_le_bytes());
    for contig in &contigs.list {
        bytes.extend_from_slice(&(contig.name.len() as u32 + 1).to_le_bytes());
        bytes.extend_from_slice(contig.name.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(&contig.length.to_le_bytes());
    }
    bytes
}

/// The SAM text. It says that the data are made up.
fn text(profile: &Profile, contigs: &Contigs, seed: u64) -> String {
    let mut text = String::from("@HD\tVN:1.6\tSO:coordinate\n");
    // Writing to a string cannot fail.
    for contig in &contigs.list {
        let _ = writeln!(text, "@SQ\tSN:{}\tLN:{}", contig.name, contig.length);
    }
    let group = read_group(profile);
    let instrument = match profile.aligner {
        Aligner::BwaMem => "NovaSeq6000",
        Aligner::BwaAln => "HiSeq2000",
    };
    let _ = writeln!(
        text,
        "@RG\tID:{group}\tSM:{group}\tLB:{group}\tPL:ILLUMINA\tPM:{instrument}\tDS:synthetic data"
    );
    if profile.aligner == Aligner::BwaMem {
        text.push_str(
            "@PG\tID:bwa-mem2\tPN:bwa-mem2\tVN:2.2.1\tCL:bwa-mem2 mem -M -t 16 synthetic.fa \
             reads_R1.fastq.gz reads_R2.fastq.gz\n\
             @PG\tID:samblaster\tPN:samblaster\tPP:bwa-mem2\tVN:0.1.26\tCL:samblaster\n\
             @PG\tID:samtools\tPN:samtools\tPP:samblaster\tVN:1.21\tCL:samtools sort -@ 8\n",
        );
    } else {
        text.push_str("@PG\tID:bwa\tPN:bwa\tVN:0.6.1-r104\n");
    }
    let _ = writeln!(
        text,
        "@PG\tID:readvault-generate\tPN:readvault-generate\tVN:{}\tCL:readvault-generate {} --seed {seed}",
        env!("CARGO_PKG_VERSION"),
        profile.name
    );
    text
}
