//! What is followed here gives the library's bytes.

use super::{Library, Own};

/// Contents compared: of any length, then of those near the longest, where the window moves.
const ROUNDS: usize = 120;
const USUAL: usize = 90;

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % limit
    }
}

/// Content of one of several kinds: noise, runs, few symbols, copies from near and far.
fn content(random: &mut Random, length: usize) -> Vec<u8> {
    let kind = random.below(8);
    let symbols = [256, 2, 4, 12, 40][random.below(5)];
    let longest_run = [1, 4, 300, 20_000][random.below(4)];
    let reach = [3, 300, 5000, 32_600, 65_536][random.below(5)];
    let mut made: Vec<u8> = Vec::with_capacity(length + 20_000);
    while made.len() < length {
        let run = random.below(longest_run) + 1;
        if kind > 1 && random.below(kind) > 0 && !made.is_empty() {
            let back = random.below(made.len().min(reach)) + 1;
            let from = made.len() - back;
            for place in 0..run.max(3) {
                made.push(made[from + place]);
            }
        } else if random.below(4) == 0 {
            let byte = random.below(symbols) as u8;
            made.extend(std::iter::repeat_n(byte, run));
        } else {
            made.extend((0..run.min(50)).map(|_| random.below(symbols) as u8));
        }
    }
    made.truncate(length);
    made
}

#[test]
fn levels_4_to_9_give_the_bytes_of_the_library() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let kinds = (4..=9).flat_map(|level| [(level, 8), (level, 9)]);
    let mut pairs: Vec<(u8, u8, Library, Own)> = kinds
        .map(|(level, memory)| {
            let library = Library::new(level, memory).expect("a level of zlib");
            let own = Own::new(level, memory).expect("a level that is followed");
            (level, memory, library, own)
        })
        .collect();
    let (mut expected, mut made) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let length = match round {
            ..USUAL if round % 4 == 0 => random.below(600),
            ..USUAL => random.below(65_537),
            _ => 65_536 - random.below(300),
        };
        let content = content(&mut random, length);
        for (level, memory, library, own) in &mut pairs {
            let case = format!("level {level} memory {memory} round {round} length {length}");
            assert!(library.deflate(&content, &mut expected), "{case}");
            assert!(own.deflate(&content, &mut made), "{case}");
            assert!(made == expected, "{case}");
            assert!(own.makes(&content, &expected), "{case}");
            let place = random.below(expected.len());
            expected[place] ^= 1 << random.below(8);
            assert!(!own.makes(&content, &expected), "{case} changed");
        }
    }
}
