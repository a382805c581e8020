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
    if profile.aligner == Aligner::BwaMem {
        let described = format!(
            "ID:{group}\\tSM:{group}\\tLB:{group}\\tCN:synthetic_data\\tDT:2024-03-18T05:27:41+01:00\\t\
             PL:ILLUMINA\\tPM:NovaSeq6000\\ten:TruSeq DNA PCR-Free"
        );
        let _ = writeln!(text, "@RG\t{}", described.replace("\\t", "\t"));
        let _ = write!(
            text,
            "@PG\tID:bwa-mem2\tPN:bwa-mem2\tVN:2.2.1\tCL:/opt/pipeline/bwa-mem2-2.2.1_x64-linux/bwa-mem2 \
             mem /data/genomes/synthetic/synthetic.fa -M -R @RG\\t{described} -t 15 -v 2 \
             /scratch/job_18274/mapping_K3xqTb_trimmed1.fastq.gz \
             /scratch/job_18274/mapping_Wd81Rs_trimmed2.fastq.gz\n\
             @PG\tID:SAMBLASTER\tVN:0.1.26\tCL:samblaster -i stdin -o stdout\n\
             @PG\tID:samtools\tPN:samtools\tPP:SAMBLASTER\tVN:1.21\tCL:/opt/pipeline/samtools-1.21/samtools \
             view -Sb -\n\
             @PG\tID:samtools.1\tPN:samtools\tPP:samtools\tVN:1.21\tCL:/opt/pipeline/samtools-1.21/samtools \
             sort -T /scratch/job_18274/mapping_bwa_m4GhYz -@ 14 -m 1G -o \
             /scratch/job_18274/mapping_Qf6LdK_mapping_bwa.bam /scratch/job_18274/mapping_bwa_uV92ac_unsorted.bam\n"
        );
    } else {
        let _ = writeln!(text, "@RG\tID:{group}\tSM:{group}");
        text.push_str("@PG\tID:bwa\tPN:bwa\tVN:0.6.1-r104\n");
    }
    let _ = writeln!(
        text,
        "@PG\tID:readvault-generate\tPN:readvault-generate\tCL:readvault-generate {} --seed {seed}\tDS:synthetic data",
        profile.name
    );
    text
}
