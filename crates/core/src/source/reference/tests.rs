//! References from small files.

use super::*;
use crate::source::bgzf;
use md5::{Digest, Md5};
use readvault_encoders::Inflater;
use std::fs;

const ONE: &str = "ACGTNacgtRy\nTTGCA\n";
const TWO: &str = "GATTACA\r\nGATTACA";

fn digest(bases: &str) -> [u8; 16] {
    Md5::digest(bases.as_bytes()).into()
}

fn fasta_text() -> String {
    format!(">one first sequence\n{ONE}>two\n{TWO}\n>empty\n>three >not a name\nC")
}

fn listed() -> Vec<Sequence> {
    let sequence = |name: &str, length, digest| Sequence {
        name: name.into(),
        length,
        digest,
    };
    vec![
        sequence("one", 16, Some(digest("ACGTNACGTRYTTGCA"))),
        sequence("two", 14, None),
        sequence("empty", 0, None),
        sequence("three", 1, None),
    ]
}

fn write(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
    fs::write(&path, bytes).expect("a file is written");
    path
}

fn with_fasta(path: &Path, sequences: Vec<Sequence>) -> Result<Reference> {
    let places = Places {
        fasta: Some(path.to_path_buf()),
        ..Places::default()
    };
    Reference::open(places, sequences, 1 << 20)
}

/// All bases of a sequence as text, with - where there is none.
fn text(reference: &Reference, number: i32) -> String {
    let base = |position| match reference.base(number, position) {
        Some(1) => 'A',
        Some(2) => 'C',
        Some(4) => 'G',
        Some(8) => 'T',
        _ => '-',
    };
    (-1..18).map(base).collect()
}

fn expect_all(reference: &Reference) {
    for _ in 0..2 {
        assert_eq!(text(reference, 0), "-ACGT-ACGT--TTGCA--");
        assert_eq!(text(reference, 1), "-GATTACAGATTACA----");
        assert_eq!(text(reference, 2), "-------------------");
        assert_eq!(text(reference, 3), "-C-----------------");
    }
    reference.check().expect("all sequences load");
    let used: Vec<i32> = reference.used().iter().map(|used| used.0).collect();
    assert_eq!(used, [0, 1, 2, 3]);
    assert_eq!(reference.used()[1].1, digest("GATTACAGATTACA"));
}

/// Deflate without compression, in one block.
fn stored(content: &[u8]) -> Vec<u8> {
    let length = content.len() as u16;
    let mut deflate = vec![1];
    deflate.extend_from_slice(&length.to_le_bytes());
    deflate.extend_from_slice(&(!length).to_le_bytes());
    deflate.extend_from_slice(content);
    deflate
}

#[test]
fn a_plain_file_gives_bases_with_and_without_an_index() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(&folder, "a.fa", fasta_text().as_bytes());
    expect_all(&with_fasta(&path, listed()).expect("it opens"));
    let at = |name: &str| fasta_text().find(name).expect("there") + name.len();
    let index = format!(
        "one\t16\t{}\t11\t12\ntwo\t14\t{}\t7\t9\nempty\t0\t{}\t0\t0\nthree\t1\t{}\t1\t2\n",
        at(">one first sequence\n"),
        at(">two\n"),
        at(">empty\n"),
        at(">three >not a name\n"),
    );
    write(&folder, "a.fa.fai", index.as_bytes());
    expect_all(&with_fasta(&path, listed()).expect("it opens"));
}

#[test]
fn bgzf_and_gzip_files_give_the_same_bases() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut blocks = Vec::new();
    for piece in fasta_text().as_bytes().chunks(7).chain([&[][..]]) {
        assert!(bgzf::write(
            &mut blocks,
            &bgzf::STANDARD_HEAD,
            &stored(piece),
            piece
        ));
    }
    assert!(
        Inflater::new()
            .inflate(&stored(b"x"), &mut Vec::new(), 9)
            .is_ok()
    );
    let path = write(&folder, "a.fa.gz", &blocks);
    expect_all(&with_fasta(&path, listed()).expect("it opens"));

    let mut gzip = Vec::new();
    for piece in fasta_text().as_bytes().chunks(20) {
        gzip.extend_from_slice(&[31, 139, 8, 8, 0, 0, 0, 0, 0, 255, b'a', 0]);
        gzip.extend(stored(piece));
        gzip.extend_from_slice(&crc32fast::hash(piece).to_le_bytes());
        gzip.extend_from_slice(&(piece.len() as u32).to_le_bytes());
    }
    let path = write(&folder, "b.fa.gz", &gzip);
    expect_all(&with_fasta(&path, listed()).expect("it opens"));
    gzip.pop();
    let path = write(&folder, "c.fa.gz", &gzip);
    assert!(with_fasta(&path, listed()).is_err());
}

#[test]
fn a_file_longer_than_what_is_read_at_once_is_scanned_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut long = String::from(">one\n");
    for _ in 0..40_000 {
        long.push_str("ACGTACGTACGTACGTACGTACGTACGTACGTACGTACGTACGTACGTACGT\n");
    }
    long.push_str(">two\nGATTACAGATTACA\n");
    let path = write(&folder, "long.fa", long.as_bytes());
    let mut sequences = listed();
    (sequences[0].length, sequences[0].digest) = (40_000 * 52, None);
    let reference = with_fasta(&path, sequences).expect("it opens");
    assert_eq!(text(&reference, 1), "-GATTACAGATTACA----");
    assert_eq!(reference.base(0, 40_000 * 52 - 1), Some(8));
    reference.check().expect("both load");
}

#[test]
fn sequences_are_found_by_digest_in_local_folders() {
    let folder = tempfile::tempdir().expect("a folder");
    let hex = to_hex(&digest("ACGTNACGTRYTTGCA"));
    let nested = format!("{}/{}/{}", &hex[..2], &hex[2..4], &hex[4..]);
    write(&folder, &nested, b"ACGTNACGTRYTTGCA");
    let root = folder.path().to_string_lossy().replace(':', "::");
    for (cache, path) in [
        (None, Some(format!("http://host:80/%s:{root}/%2s/%2s/%s"))),
        (Some(format!("{}/%2s/%2s", folder.path().display())), None),
    ] {
        let places = Places {
            fasta: None,
            cache,
            path,
        };
        let reference = Reference::open(places, listed(), 1 << 20).expect("it opens");
        assert_eq!(text(&reference, 0), "-ACGT-ACGT--TTGCA--");
        reference.check().expect("it loads");
        reference.base(1, 0);
        let error = reference.check().expect_err("two has no M5").to_string();
        assert!(error.contains("\"two\"") && error.contains("-T"), "{error}");
        assert_eq!(reference.used().len(), 1);
    }
}

#[test]
fn search_paths_are_read_as_htslib_reads_them() {
    let elements = |path| folders::elements(path).join(" ");
    assert_eq!(elements("/a/%2s:/b::c::|/d:"), "/a/%2s /b:c:|/d");
    assert_eq!(
        elements("https://a.b:443/c/%s:/d:URL=ftp://e/f:|http://g:/h"),
        "/d /h"
    );
    assert_eq!(elements(""), "");
    let expand = |folder| folders::expand(folder, "0123456789");
    assert_eq!(expand("/a/%2s/%3s/%s"), "/a/01/234/56789");
    assert_eq!(expand("/a/%2s"), "/a/01/23456789");
    assert_eq!(expand("/a//"), "/a/0123456789");
    assert_eq!(expand("/"), "/0123456789");
    assert_eq!(expand("/100%/%s/%"), "/100%/0123456789/%");
}

#[test]
fn wrong_references_are_refused_with_file_and_remedy() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(&folder, "a.fa", fasta_text().as_bytes());
    let refused = |change: &dyn Fn(&mut Vec<Sequence>)| {
        let mut sequences = listed();
        change(&mut sequences);
        let reference = with_fasta(&path, sequences).expect("it opens");
        assert_eq!(reference.base(0, 0), None);
        assert_eq!(reference.base(0, 1), None);
        let error = reference.check().expect_err("it is refused").to_string();
        assert!(error.contains("-T") && error.contains("a.fa"), "{error}");
        assert!(reference.load(0).is_err() && reference.used().is_empty());
        error
    };
    let error = refused(&|sequences| sequences[0].length = 17);
    assert!(error.contains("16") && error.contains("17"), "{error}");
    let error = refused(&|sequences| sequences[0].digest = Some([7; 16]));
    assert!(error.contains("07070707"), "{error}");
    let error = refused(&|sequences| sequences[0].name = b"chrOne".to_vec());
    assert!(error.contains("chrOne"), "{error}");
}

#[test]
fn an_index_of_another_file_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(&folder, "a.fa", fasta_text().as_bytes());
    for index in ["one\t16\t3\t11\t12\n", "one\t16\t99999\t11\t12\n"] {
        write(&folder, "a.fa.fai", index.as_bytes());
        let reference = with_fasta(&path, listed()).expect("it opens");
        let error = reference.load(0).expect_err("it is refused").to_string();
        assert!(
            error.contains("a.fa.fai") && error.contains("faidx"),
            "{error}"
        );
    }
    write(&folder, "a.fa.fai", b"no index\n");
    assert!(with_fasta(&path, listed()).is_err());
    assert!(with_fasta(&folder.path().join("none.fa"), listed()).is_err());
    let path = write(&folder, "b.fa", b"@read\nACGT\n");
    assert!(with_fasta(&path, listed()).is_err());
}

#[test]
fn sequences_beyond_the_budget_are_read_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(&folder, "a.fa", fasta_text().as_bytes());
    let places = Places {
        fasta: Some(path),
        ..Places::default()
    };
    let reference = Reference::open(places, listed(), 0).expect("it opens");
    expect_all(&reference);
    assert_eq!(reference.state().kept.len(), 1);
}

#[test]
fn digests_come_from_the_header() {
    let text = "@HD\tVN:1.6\n@SQ\tSN:one\tLN:16\tM5:0123456789ABCDEF0123456789abcdef\r\n@SQ\tSN:two\tLN:14\tM5:+12\n";
    let listed = [(b"two".to_vec(), 14), (b"one".to_vec(), 16)];
    let sequences = sequences(text.as_bytes(), &listed);
    assert_eq!(sequences[0].digest, None);
    let digest = sequences[1].digest.expect("a digest");
    assert_eq!(to_hex(&digest), "0123456789abcdef0123456789abcdef");
}
