//! Tags of records from their streams, and from what they follow from.

use super::{Numbers, Text, damaged};
use crate::Result;
use crate::source::bam::derive::{Deriver, Rule};
use crate::source::bam::tags;
use crate::source::key;
use crate::source::streams::Decoded;

/// Where one tag's values come from.
struct TagSource {
    tag: [u8; 2],
    kind: u8,
    values: Text,
    counts: Numbers,
    /// What the values follow from, and which texts do.
    rule: Option<Rule>,
    exceptions: std::vec::IntoIter<u8>,
}

/// The tag dictionary and the value streams.
pub(super) struct TagSources<'a> {
    /// For each tag line, indices into `sources`.
    lines: Vec<Vec<usize>>,
    sources: Vec<TagSource>,
    numbers: Numbers,
    rules: Vec<u8>,
    deriver: Deriver<'a>,
}

impl<'a> TagSources<'a> {
    pub(super) fn read(streams: &mut Decoded<'_>, deriver: Deriver<'a>) -> Result<Self> {
        let dictionary = streams.take(key::TAG_DICTIONARY)?;
        let mut all = Self {
            lines: Vec::new(),
            sources: Vec::new(),
            numbers: Numbers::new(streams.take(key::TAG_LINES)?),
            rules: streams.take(key::TAG_RULES)?,
            deriver,
        };
        let mut rest = &dictionary[..];
        while let Some((count, after)) = rest.split_first_chunk::<4>() {
            let length = (u32::from_le_bytes(*count) as usize).checked_mul(3);
            let Some((line, after)) = length.and_then(|length| after.split_at_checked(length))
            else {
                return Err(damaged("the tag dictionary ends early"));
            };
            let line: Result<Vec<usize>> = line
                .as_chunks::<3>()
                .0
                .iter()
                .map(|&[a, b, kind]| all.source([a, b], kind, streams))
                .collect();
            all.lines.push(line?);
            rest = after;
        }
        Ok(all)
    }

    fn source(&mut self, tag: [u8; 2], kind: u8, streams: &mut Decoded<'_>) -> Result<usize> {
        if usize::from(kind) >= key::TAG_TYPES.len() {
            return Err(damaged("a tag has an unknown type"));
        }
        if let Some(known) = self
            .sources
            .iter()
            .position(|source| source.tag == tag && source.kind == kind)
        {
            return Ok(known);
        }
        let values = Text::new(streams.take(key::tag_values(tag, kind))?);
        let rule = self.rule(tag, kind)?;
        let more = streams.take(key::tag_counts(tag, kind))?;
        let (counts, exceptions) = match rule {
            None => (more, Vec::new()),
            Some(_) => (Vec::new(), more),
        };
        self.sources.push(TagSource {
            tag,
            kind,
            values,
            counts: Numbers::new(counts),
            rule,
            exceptions: exceptions.into_iter(),
        });
        Ok(self.sources.len() - 1)
    }

    /// What values of a tag follow from.
    fn rule(&self, tag: [u8; 2], kind: u8) -> Result<Option<Rule>> {
        let (rules, rest) = self.rules.as_chunks::<4>();
        let own = rules
            .iter()
            .find(|rule| rule[..3] == [tag[0], tag[1], kind]);
        let rule = own.map(|rule| Rule::from_number(rule[3]).filter(|rule| rule.suits(kind)));
        if !rest.is_empty() || rule == Some(None) {
            return Err(damaged("an unknown rule for tags"));
        }
        Ok(rule.flatten())
    }

    /// Appends the tags of a record, the next.
    pub(super) fn write(&mut self, record: usize, out: &mut Vec<u8>, limit: usize) -> Result<()> {
        let line = self.numbers.length()?;
        let Some(line) = self.lines.get(line) else {
            return Err(damaged("a tag line is not in the dictionary"));
        };
        self.deriver.turn(record);
        for &source in line {
            self.sources[source].write(&mut self.deriver, out)?;
            if out.len() > limit {
                return Err(damaged("the records are longer than the chunk"));
            }
        }
        Ok(())
    }
}

impl TagSource {
    fn write(&mut self, deriver: &mut Deriver<'_>, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(&self.tag);
        out.extend_from_slice(key::TAG_TYPES[usize::from(self.kind)]);
        if let Some(rule) = self.rule {
            return self.write_derived(rule, deriver, out);
        }
        let width = tags::width(self.kind);
        if width == 0 {
            out.extend_from_slice(self.values.next()?);
            return Ok(());
        }
        let count = if tags::is_array(self.kind) {
            let count = self.counts.length()?;
            out.extend_from_slice(&(count as u32).to_le_bytes());
            count
        } else {
            1
        };
        let stored = if width == 2 { 4 } else { width };
        let end = count
            .checked_mul(stored)
            .and_then(|length| self.values.at.checked_add(length));
        let Some(values) = end.and_then(|end| self.values.data.get(self.values.at..end)) else {
            return Err(damaged("tag values run out"));
        };
        if width == 2 {
            values
                .as_chunks::<4>()
                .0
                .iter()
                .for_each(|value| out.extend_from_slice(&value[..2]));
        } else {
            out.extend_from_slice(values);
        }
        self.values.at += values.len();
        Ok(())
    }
}

impl TagSource {
    /// Writes what follows from a rule, with what is stored instead or besides.
    fn write_derived(
        &mut self,
        rule: Rule,
        deriver: &mut Deriver<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if rule.is_text() {
            let text = deriver.text(rule);
            match text.map(|text| (text, self.exceptions.next())) {
                Some((text, Some(0))) => {
                    out.extend_from_slice(text);
                    out.push(0);
                }
                Some((_, None)) => return Err(damaged("tags that follow run out")),
                Some((_, Some(_))) | None => out.extend_from_slice(self.values.next()?),
            }
            return Ok(());
        }
        let number = deriver.number(rule);
        let (width, at) = (tags::width(self.kind), self.values.at);
        let stored = if width == 1 { 1 } else { 4 };
        let Some(value) = self.values.data.get(at..at + stored) else {
            return Err(damaged("tag values run out"));
        };
        self.values.at += stored;
        let mut bytes = [0; 4];
        bytes[..stored].copy_from_slice(value);
        let value = u32::from_le_bytes(bytes).wrapping_add(number);
        out.extend_from_slice(&value.to_le_bytes()[..width]);
        Ok(())
    }
}
