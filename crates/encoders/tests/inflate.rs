//! Decoding refuses what is damaged and never takes more memory than it was allowed.

mod common;

use readvault_encoders::{Encoder, Encoders, InflateError, Inflater};

fn deflated(content: &[u8]) -> Vec<u8> {
    let mut deflate = Vec::new();
    let encoder = Encoder::from_number(6).expect("zlib 6");
    assert!(Encoders::new().deflate(encoder, content, &mut deflate));
    deflate
}

#[test]
fn bytes_after_the_stream_are_left_and_counted() {
    let content = common::content(10_000);
    let mut deflate = deflated(&content);
    let length = deflate.len();
    deflate.extend_from_slice(b"more bytes that belong to the next thing");
    let mut back = Vec::new();
    let taken = Inflater::new().inflate(&deflate, &mut back, usize::MAX);
    assert_eq!(taken, Ok(length));
    assert!(back == content);
}

#[test]
fn content_over_the_limit_is_refused_without_the_memory_for_it() {
    let deflate = deflated(&vec![7; 4 << 20]);
    let mut back = Vec::new();
    let refused = Inflater::new().inflate(&deflate, &mut back, 100_000);
    assert_eq!(refused, Err(InflateError::TooLong));
    assert!(back.is_empty() && back.capacity() <= 100_000);
    let whole = Inflater::new().inflate(&deflate, &mut back, 4 << 20);
    assert_eq!(whole, Ok(deflate.len()));
    assert!(back.len() == 4 << 20 && back.capacity() == 4 << 20);
}

#[test]
fn a_truncated_stream_is_refused_at_every_length() {
    let deflate = deflated(&common::content(700));
    let (mut inflater, mut back) = (Inflater::new(), Vec::new());
    for length in 0..deflate.len() {
        let refused = inflater.inflate(&deflate[..length], &mut back, 1 << 20);
        assert_eq!(refused, Err(InflateError::Damaged), "{length} bytes");
        assert!(!inflater.inflate_exact(&deflate[..length], &mut [0; 700]));
    }
}

#[test]
fn an_exact_decode_wants_all_input_taken_and_all_output_filled() {
    let content = common::content(65_280);
    let mut deflate = deflated(&content);
    let mut inflater = Inflater::new();
    let mut room = vec![0; content.len()];
    assert!(inflater.inflate_exact(&deflate, &mut room));
    assert!(room == content);
    assert!(!inflater.inflate_exact(&deflate, &mut room[1..]));
    room.push(0);
    assert!(!inflater.inflate_exact(&deflate, &mut room));
    room.pop();
    deflate.push(0);
    assert!(!inflater.inflate_exact(&deflate, &mut room));
}

#[test]
fn the_empty_block_decodes_to_nothing() {
    let mut inflater = Inflater::new();
    assert!(inflater.inflate_exact(&[3, 0], &mut []));
    let mut back = vec![1];
    assert_eq!(inflater.inflate(&[3, 0], &mut back, 0), Ok(2));
    assert!(back.is_empty());
}
