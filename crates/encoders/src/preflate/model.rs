//! Codes the blocks and tokens of a DEFLATE stream, given the content and a reference.
//!
//! The reference is what a known encoder makes of the same content. Where it takes a step at the
//! same place, the step is most often the same; else the matches that could be taken there tell
//! what is likely. One body of code serves writing and reading: a writer gives the true values,
//! a reader passes any and takes what comes back.

use super::coder::{Coder, Context};
use super::headers::Headers;
use super::search::{Match, Search};
use crate::deflate::header::Header;
use crate::deflate::stream::{Block, Kind, MAX_MATCH, Token};

/// Symbols in a full block of zlib, the first guess of a block's length.
const USUAL_TOKENS: usize = 16_383;

/// What a known encoder makes of the content, by position.
pub(super) struct Reference {
    /// The step taken at each position; length 0 where none begins.
    steps: Vec<Token>,
    /// Where each block ends, and its header.
    blocks: Vec<(usize, Option<Header>)>,
}

impl Reference {
    /// The reference of this stream, whose content has `length` bytes.
    pub(super) fn new(blocks: Vec<Block>, length: usize) -> Reference {
        let none = Token {
            length: 0,
            distance: 0,
        };
        let mut steps = vec![none; length];
        let mut position = 0;
        let mut ends = Vec::with_capacity(blocks.len());
        for block in blocks {
            let end = position + block.length();
            for token in block.tokens {
                if let Some(step) = steps.get_mut(position) {
                    *step = token;
                }
                position += usize::from(token.length);
            }
            position = end;
            let header = match block.kind {
                Kind::Dynamic(header) => Some(header),
                _ => None,
            };
            ends.push((end, header));
        }
        Reference {
            steps,
            blocks: ends,
        }
    }

    fn step(&self, position: usize) -> Option<Token> {
        let step = self.steps.get(position).copied();
        step.filter(|step| step.length > 0)
    }

    /// How many steps of these blocks are steps of the reference.
    pub(super) fn agreement(&self, blocks: &[Block]) -> usize {
        let mut position = 0;
        let mut same = 0;
        for block in blocks {
            let end = position + block.length();
            for &token in &block.tokens {
                same += usize::from(self.step(position) == Some(token));
                position += usize::from(token.length);
            }
            position = end;
        }
        same
    }

    /// The reference's block at this position.
    fn block(&self, position: usize) -> Option<&(usize, Option<Header>)> {
        self.blocks.iter().find(|(end, _)| *end > position)
    }
}

/// Contexts of blocks and tokens.
struct Model {
    kind: [Context; 4],
    last: [Context; 2],
    extent: [Context; 4],
    /// By: whether the reference's step is a match, and how the last four fared.
    as_reference: [[Context; 16]; 2],
    history: usize,
    /// By: fate of the reference, length of the best match, whether the next position has a
    /// better one, whether the last step was a literal.
    is_match: [[[[Context; 2]; 2]; 10]; 3],
    after_literal: usize,
    reference_distance: Context,
    nearest: [Context; 3],
    rank: [[Context; 16]; 2],
    /// By: fate of the reference, whether the match could be the longest of all.
    full_length: [[Context; 2]; 3],
    length: [Context; 256],
    headers: Headers,
}

impl Model {
    fn new() -> Model {
        Model {
            kind: [Context::NEW; 4],
            last: [Context::NEW; 2],
            extent: [Context::NEW; 4],
            as_reference: [[Context::NEW; 16]; 2],
            history: 15,
            is_match: [[[[Context::NEW; 2]; 2]; 10]; 3],
            after_literal: 0,
            reference_distance: Context::NEW,
            nearest: [Context::NEW; 3],
            rank: [[Context::NEW; 16]; 2],
            full_length: [[Context::NEW; 2]; 3],
            length: [Context::NEW; 256],
            headers: Headers::new(),
        }
    }

    /// Codes the step at `position`.
    fn token<C: Coder>(
        &mut self,
        coder: &mut C,
        actual: Token,
        reference: Option<Token>,
        matches: &mut Matches<'_>,
        position: usize,
    ) -> Token {
        let mut fate = 0;
        if let Some(step) = reference {
            let is_match = usize::from(step.distance > 0);
            let context = &mut self.as_reference[is_match][self.history];
            let same = coder.bit(context, actual == step);
            self.history = (self.history << 1 | usize::from(same)) & 15;
            if same {
                self.after_literal = 1 - is_match;
                return step;
            }
            fate = 1 + is_match;
        }
        matches.find(position);
        let best = matches.here.last().copied();
        let longer_next = matches.next.last().map(|m| m.length) > best.map(|m| m.length);
        let context = &mut self.is_match[fate][bucket(best)][usize::from(longer_next)];
        // A step that is not the reference's literal can only be a match.
        if fate != 1 && !coder.bit(&mut context[self.after_literal], actual.distance > 0) {
            self.after_literal = 1;
            return Token::LITERAL;
        }
        self.after_literal = 0;
        let distance = self.distance(coder, actual.distance, reference, &matches.here);
        let most = matches.search.length_at(position, usize::from(distance)) as u16;
        let context = &mut self.full_length[fate][usize::from(most == MAX_MATCH)];
        let length = if coder.bit(context, actual.length == most) {
            most
        } else {
            3 + coder.tree(
                &mut self.length,
                8,
                u32::from(actual.length.wrapping_sub(3)),
            ) as u16
        };
        Token { length, distance }
    }

    /// Codes how far back a match reaches.
    fn distance<C: Coder>(
        &mut self,
        coder: &mut C,
        actual: u16,
        reference: Option<Token>,
        here: &[Match],
    ) -> u16 {
        if let Some(step) = reference.filter(|step| step.distance > 0)
            && coder.bit(&mut self.reference_distance, actual == step.distance)
        {
            return step.distance;
        }
        let fate = reference.map_or(0, |step| 1 + usize::from(step.distance > 0));
        let first = here.first().map_or(0, |m| m.distance);
        if here.len() > 1 && coder.bit(&mut self.nearest[fate], actual == first) {
            return first;
        }
        for (rank, candidate) in here.iter().rev().enumerate() {
            let context = &mut self.rank[usize::from(here.len() > 1)][rank.min(15)];
            if coder.bit(context, actual == candidate.distance) {
                return candidate.distance;
            }
        }
        coder.plain(15, u32::from(actual.wrapping_sub(1))) as u16 + 1
    }

    /// Codes how far a block reaches: a position where it ends, or a number of steps.
    fn extent<C: Coder>(
        &mut self,
        coder: &mut C,
        actual: Option<&Block>,
        position: usize,
        end: usize,
        reference_end: Option<usize>,
        before: usize,
    ) -> Extent {
        let reaches = actual.map(|block| position + block.length());
        let steps = actual.map_or(0, |block| block.tokens.len());
        let form = match reaches {
            Some(reach) if reach == end => 0,
            Some(reach) if Some(reach) == reference_end => 1,
            _ if steps == before => 2,
            _ => 3,
        };
        match (coder.tree(&mut self.extent, 2, form), reference_end) {
            (0, _) => Extent::Until(end),
            (1, Some(reference_end)) => Extent::Until(reference_end),
            (2, _) => Extent::Steps(before),
            _ => Extent::Steps(coder.plain(24, steps as u32) as usize),
        }
    }
}

/// Where a block ends.
#[derive(Clone, Copy)]
enum Extent {
    Until(usize),
    Steps(usize),
}

/// The matches at a position and at the next, found when they are asked for.
struct Matches<'a> {
    search: Search<'a>,
    here: Vec<Match>,
    next: Vec<Match>,
    /// The position that `next` is of.
    ahead: usize,
}

impl Matches<'_> {
    fn find(&mut self, position: usize) {
        if self.ahead == position && position > 0 {
            std::mem::swap(&mut self.here, &mut self.next);
        } else {
            self.search.matches(position, &mut self.here);
        }
        self.ahead = position + 1;
        self.search.matches(self.ahead, &mut self.next);
    }
}

/// A class for the length of the best match; short far ones are classes of their own, because
/// encoders leave them.
fn bucket(best: Option<Match>) -> usize {
    match best.map_or((0, 0), |m| (m.length, m.distance)) {
        (0, _) => 0,
        (3, ..=4096) => 1,
        (3, _) => 2,
        (4, ..=4096) => 3,
        (4, _) => 4,
        (5, _) => 5,
        (6..=8, _) => 6,
        (9..=16, _) => 7,
        (17..=64, _) => 8,
        _ => 9,
    }
}

/// Codes all blocks of a stream. `given` are the true ones for a writer, nothing for a reader;
/// `done` gets each block with the content from its start.
pub(super) fn code<C: Coder>(
    coder: &mut C,
    content: &[u8],
    reference: &Reference,
    given: Option<&[Block]>,
    mut done: impl FnMut(&Block, &[u8]) -> Option<()>,
) -> Option<()> {
    let mut model = Model::new();
    let mut matches = Matches {
        search: Search::new(content),
        here: Vec::new(),
        next: Vec::new(),
        ahead: 0,
    };
    let mut position = 0;
    let mut steps_before = USUAL_TOKENS;
    let mut header_before: Option<Header> = None;
    let nothing = Header::default();
    for number in 0.. {
        let actual = match given {
            Some(blocks) => Some(blocks.get(number)?),
            None => None,
        };
        let start = position;
        let kind = match actual.map(|block| &block.kind) {
            Some(Kind::Stored(_)) => 0,
            Some(Kind::Fixed) => 1,
            _ => 2,
        };
        let kind = coder.tree(&mut model.kind, 2, kind);
        let mut tokens = Vec::new();
        let kind = if kind == 0 {
            let length = actual.map_or(0, |block| block.length() as u32);
            let length = coder.plain(16, length) as u16;
            position += usize::from(length);
            Kind::Stored(length)
        } else {
            let here = reference.block(start);
            let reference_end = here.map(|&(end, _)| end);
            let extent = model.extent(
                coder,
                actual,
                start,
                content.len(),
                reference_end,
                steps_before,
            );
            loop {
                match extent {
                    Extent::Until(end) if position >= end => break,
                    Extent::Steps(steps) if tokens.len() >= steps => break,
                    _ if coder.exhausted() || position >= content.len() => return None,
                    _ => {}
                }
                let true_step = actual.and_then(|block| block.tokens.get(tokens.len()));
                let token = model.token(
                    coder,
                    true_step.copied().unwrap_or(Token::LITERAL),
                    reference.step(position),
                    &mut matches,
                    position,
                );
                let length = usize::from(token.length);
                let sound = token.distance == 0 || (3..=MAX_MATCH).contains(&token.length);
                if !sound || length > content.len() - position {
                    return None;
                }
                position += length;
                tokens.push(token);
            }
            steps_before = tokens.len();
            match kind {
                1 => Kind::Fixed,
                2 => {
                    let actual = match actual.map(|block| &block.kind) {
                        Some(Kind::Dynamic(header)) => header,
                        _ => &nothing,
                    };
                    let similar = [here.and_then(|(_, h)| h.as_ref()), header_before.as_ref()];
                    let rest = content.get(start..)?;
                    let header = model.headers.code(coder, actual, similar, &tokens, rest)?;
                    header_before = Some(header.clone());
                    Kind::Dynamic(header)
                }
                _ => return None,
            }
        };
        let at_end = position == content.len();
        let last = actual.is_some_and(|block| block.last);
        let last = coder.bit(&mut model.last[usize::from(at_end)], last);
        let block = Block { kind, last, tokens };
        done(&block, content.get(start..)?)?;
        if last {
            return at_end.then_some(());
        }
    }
    None
}
