//! A chunk's records, one after the other: what the values of each are expected to be, and whether they are.

use std::slice::SliceIndex;

use super::super::super::tags::facts::Fact;
use super::super::super::tags::values::{bounds, push_integer};
use super::super::super::{Column, Records};
use super::integers::{Expected, Place};
use super::means::mean;
use super::plan::{Line, Plan, Role, Step, takes};
use super::reference::{Guess, Reference};
use super::relations::{Relation, mates, twins};
use super::rules::{Named, Now, View};
use super::values::Values;
use super::{GROUPS, Learnt, cigars, mismatches, suboptimal};
use crate::Result;
use crate::codec::mixing::Coder;
use crate::codec::wire::damaged;

/// Values that are coded together at most; their bits of a line are few.
const MOST_TOGETHER: usize = 16;

/// See the module's head.
pub(super) struct Job<'a> {
    records: &'a Records,
    columns: &'a mut [Column],
    /// How many values of each column are coded.
    coded: Vec<usize>,
    learnt: &'a mut Learnt,
    named: Named,
    values: Values,
    reference: Option<Reference>,
    mates: Relation,
    twins: Option<Relation>,
    /// Mismatches of the records before, the sums of their qualities, and how many were not guessed.
    mismatches: Vec<[i32; 3]>,
    past: suboptimal::Past,
    now: Now,
    /// What MD and MC of the record at hand are expected to be, how far the mate's CIGAR is known, and the mismatches that were
    /// guessed where there is no MD.
    md: mismatches::Expected,
    mc: cigars::Expected,
    mc_known: usize,
    guess: Guess,
    /// Whether the last groups were as expected.
    history: usize,
}

/// What the value at hand is expected from; borrows neither what is learnt nor the columns.
macro_rules! view {
    ($job:ident) => {
        View {
            records: $job.records,
            values: &$job.values,
            named: &$job.named,
            now: &$job.now,
            mismatches: &$job.mismatches,
        }
    };
}

impl<'a> Job<'a> {
    /// Codes all records.
    pub(super) fn run<C: Coder>(
        coder: &mut C,
        learnt: &'a mut Learnt,
        records: &mut Records,
    ) -> Result<()> {
        let plan = Plan::new(records, &mut learnt.integers);
        if plan.is_empty() {
            return Ok(());
        }
        let mut columns = std::mem::take(&mut records.columns);
        let result = Job::new(learnt, records, &mut columns, &plan).records(coder, &plan);
        for column in columns.iter_mut().filter(|column| takes(column)) {
            column.complete = true;
        }
        records.columns = columns;
        result
    }

    fn new(
        learnt: &'a mut Learnt,
        records: &'a Records,
        columns: &'a mut [Column],
        plan: &Plan,
    ) -> Self {
        let needed = plan.has_mismatches || plan.has_edits_alone;
        let alone = plan.has_edits_alone;
        Self {
            coded: vec![0; columns.len()],
            columns,
            named: learnt.integers.named(),
            values: Values::new(records.count, learnt.integers.tags.len()),
            learnt,
            reference: needed.then(|| Reference::new(records, alone)),
            mates: mates(records),
            twins: plan.has_suboptimal.then(|| twins(records)),
            mismatches: Vec::with_capacity(records.count),
            past: suboptimal::Past::default(),
            now: Now::default(),
            md: mismatches::Expected::default(),
            mc: cigars::Expected::default(),
            mc_known: 0,
            guess: Guess::default(),
            history: 3,
            records,
        }
    }

    fn records<C: Coder>(mut self, coder: &mut C, plan: &Plan) -> Result<()> {
        if plan.in_two {
            self.pass(coder, plan, |line| ..line.first, true)?;
            self.pass(coder, plan, |line| line.first.., false)
        } else {
            self.pass(coder, plan, |_| .., true)
        }
    }

    /// Codes the steps of all records that `chosen` chooses; `first` says that nothing is known of mismatches yet.
    fn pass<C: Coder, R: SliceIndex<[Step], Output = [Step]>>(
        &mut self,
        coder: &mut C,
        plan: &Plan,
        chosen: impl Fn(&Line) -> R,
        first: bool,
    ) -> Result<()> {
        for record in 0..self.records.count {
            let Some(line) = plan.line(self.records, record) else {
                return Err(damaged("a record has no line of tags"));
            };
            self.turn(record, line, first);
            let mut rest = &line.steps[chosen(line)];
            while let Some(first) = rest.first() {
                let tags = &self.learnt.integers.tags;
                let steady = |step: &&Step| tags[step.tag].is_steady && !step.is_alone;
                let together = rest.iter().take(MOST_TOGETHER).take_while(steady).count();
                if together < 2 {
                    self.alone(coder, first, false)?;
                    rest = &rest[1..];
                } else {
                    self.together(coder, &rest[..together])?;
                    rest = &rest[together..];
                }
            }
            if first {
                let Fact {
                    mismatches,
                    mismatch_quality,
                    ..
                } = self.now.fact;
                let small = |number: i64| number.clamp(0, 1 << 20) as i32;
                let missed = self.now.missed.clamp(-100, 100) as i32;
                self.mismatches
                    .push([small(mismatches), small(mismatch_quality), missed]);
            }
        }
        Ok(())
    }

    /// Turns to a record.
    fn turn(&mut self, record: usize, line: &Line, first: bool) {
        let now = &mut self.now;
        now.record = record;
        if let Some(reference) = self.reference.as_mut().filter(|_| first) {
            reference.turn(self.records, record);
        }
        now.certain = line.has_mismatches;
        (now.fact.mismatches, now.fact.mismatch_quality) = (0, 0);
        if line.steps.is_empty() {
            return;
        }
        now.mate = self.mates.of(record);
        now.twin = self.twins.as_ref().and_then(|twins| twins.of(record));
        now.fact = Fact::of_cigar(self.records.cigar_of(record));
        (now.related, now.told_mate, now.missed) = (0, None, 0);
        now.has_alternatives = line.has_alternatives;
        if !first {
            let [mismatches, quality, missed] = self.mismatches[record];
            now.fact.mismatches = mismatches.into();
            now.fact.mismatch_quality = quality.into();
            now.missed = missed.into();
        } else if !now.certain {
            let reference = self.reference.as_ref();
            let guess = reference.map_or_else(Guess::default, |reference| {
                reference.guess(self.records, record)
            });
            now.fact.mismatches = guess.differing + i64::from(guess.suspected);
            now.fact.mismatch_quality = guess.quality;
            self.guess = guess;
        }
    }

    fn place(&self, step: &Step) -> Place {
        Place {
            tag: step.tag,
            bounds: step.bounds,
        }
    }

    /// Works out what a value is expected to be.
    #[inline]
    fn expect(&mut self, step: &Step) -> Expected {
        let record = self.now.record;
        match step.role {
            Role::Mismatches => {
                if let Some(reference) = &self.reference {
                    let model = &self.learnt.mismatches;
                    model.expect(&mut self.md, reference, self.records, record);
                    self.md.tell(&mut self.now.fact);
                }
                Expected::default()
            }
            Role::MateCigar => {
                self.mc_known = self.mc.expect(self.records, record, self.now.mate);
                Expected::default()
            }
            Role::Suboptimal | Role::Integer => {
                let tag = &self.learnt.integers.tags[step.tag];
                tag.expected(&view!(self), self.place(step))
            }
        }
    }

    /// Whether the column's next value is as expected; an encoder's question.
    fn is_expected(&self, step: &Step, expected: &Expected) -> bool {
        let column = &self.columns[step.column];
        let at = self.coded[step.column];
        match step.role {
            Role::Mismatches => self.md.is(column.value(at)),
            Role::MateCigar => self.mc.text == column.value(at),
            Role::Suboptimal | Role::Integer => column.integer(at) == expected.base,
        }
    }

    /// Codes several values at once, if they are all as expected.
    fn together<C: Coder>(&mut self, coder: &mut C, steps: &[Step]) -> Result<()> {
        let mut all = [Expected::default(); MOST_TOGETHER];
        let (mut right, mut doubt, mut risk) = (true, 0, 0);
        let related = self.now.related;
        for (step, expected) in steps.iter().zip(&mut all) {
            *expected = self.expect(step);
            doubt += expected.doubt;
            match step.role {
                Role::Mismatches => {
                    risk = 1 + self.md.risk();
                    right &= !self.md.unknown;
                }
                Role::MateCigar => doubt += [0, 3, 1, 3][self.mc_known & 3],
                Role::Suboptimal | Role::Integer => {
                    self.values
                        .foresee(step.tag, self.now.record, expected.base);
                    self.now.related = expected.base;
                }
            }
            right &= C::DECODES || self.is_expected(step, expected);
        }
        let mapq = (usize::from(self.records.mapq[self.now.record]) / 10).min(7);
        let first = steps[0].tag & 15;
        let mate = match self.now.mate {
            None => 0,
            Some(mate) if mate < self.now.record => 1,
            Some(_) => 2,
        };
        let fact = &self.now.fact;
        let alignment = usize::from(fact.extent.clipped != [0; 2])
            | usize::from(fact.gaps > 0) << 1
            | (fact.mismatches.clamp(0, 3) as usize) << 2;
        let contexts = [
            (first << 7 | risk << 4 | (doubt.min(3) as usize) << 2 | mate) % GROUPS,
            (first << 7 | mapq << 4 | self.history << 2 | doubt.min(3) as usize) % GROUPS,
            (first << 7 | alignment << 3 | risk) % GROUPS,
        ];
        let unknown = steps[0].role == Role::Mismatches && self.md.unknown;
        let [a, b, c] = &mut self.learnt.groups;
        let slots = [
            &mut a[contexts[0]],
            &mut b[contexts[1]],
            &mut c[contexts[2]],
        ];
        let right = !unknown && mean(coder, right, slots);
        self.history = self.history << 1 & 3 | usize::from(right);
        self.now.related = related;
        for (step, expected) in steps.iter().zip(&all) {
            match step.role {
                _ if !right => self.alone(coder, step, true)?,
                Role::Mismatches | Role::MateCigar => self.agree::<C>(step)?,
                Role::Suboptimal | Role::Integer => {
                    let place = self.place(step);
                    let tag = &mut self.learnt.integers.tags[step.tag];
                    tag.agree(&view!(self), place, expected);
                    self.take::<C>(step, expected.base)?;
                }
            }
        }
        Ok(())
    }

    /// Codes a value by itself; `failed` says that it is one of several of which not all are as expected.
    fn alone<C: Coder>(&mut self, coder: &mut C, step: &Step, failed: bool) -> Result<()> {
        let expected = self.expect(step);
        match step.role {
            Role::Mismatches | Role::MateCigar => self.text(coder, step, failed)?,
            Role::Suboptimal | Role::Integer => self.integer(coder, step, &expected, failed)?,
        }
        coder.charge(self.columns[step.column].key());
        Ok(())
    }

    /// Codes an MD or an MC.
    fn text<C: Coder>(&mut self, coder: &mut C, step: &Step, failed: bool) -> Result<()> {
        let (record, md, mc_known) = (self.now.record, &self.md, self.mc_known);
        let records = self.records;
        let (known, may) = match step.role {
            Role::Mismatches => (md.risk(), !md.unknown),
            _ => (8 | mc_known, true),
        };
        let right = may && {
            let right = C::DECODES || self.is_expected(step, &Expected::default());
            let known = known << 1 | usize::from(failed);
            let mapq = (usize::from(records.mapq[record]) / 10).min(7);
            let second = mapq << 4 | self.history << 2 | usize::from(failed) << 1;
            let second = second | usize::from(step.role == Role::Mismatches);
            let [a, b] = &mut self.learnt.texts;
            mean(coder, right, [&mut a[known], &mut b[second]])
        };
        if right {
            return self.agree::<C>(step);
        }
        self.learnt.integers.tags[step.tag].count(false);
        let column = &self.columns[step.column];
        let truth = if C::DECODES {
            &[][..]
        } else {
            column.value(self.coded[step.column])
        };
        let room = records.limit.saturating_sub(column.values.len());
        let text = if step.role == Role::Mismatches {
            let Some(reference) = &mut self.reference else {
                return Err(damaged("an MD follows from no alignment"));
            };
            let (model, at) = (&mut self.learnt.mismatches, (records, record));
            model.surprise(coder, (truth, room), md, reference, at, &mut self.now.fact)?
        } else {
            let text = self
                .learnt
                .cigars
                .surprise(coder, truth, records, record, room)?;
            self.now.told_mate = cigars::told(&text);
            text
        };
        self.push::<C>(step, &text)
    }

    /// Takes it that a text is as expected.
    fn agree<C: Coder>(&mut self, step: &Step) -> Result<()> {
        self.learnt.integers.tags[step.tag].count(true);
        if step.role == Role::MateCigar {
            if self.now.mate.is_none() {
                self.now.told_mate = cigars::told(&self.mc.text);
            }
            let text = std::mem::take(&mut self.mc.text);
            let pushed = self.push::<C>(step, &text);
            self.mc.text = text;
            return pushed;
        }
        if let Some(reference) = &mut self.reference {
            let model = &mut self.learnt.mismatches;
            model.agree(&self.md, reference, self.records, self.now.record);
        }
        let text = std::mem::take(&mut self.md.text);
        let pushed = self.push::<C>(step, &text);
        self.md.text = text;
        pushed
    }

    /// Goes on in a column of texts.
    fn push<C: Coder>(&mut self, step: &Step, text: &[u8]) -> Result<()> {
        self.coded[step.column] += 1;
        if C::DECODES {
            let column = &mut self.columns[step.column];
            self.records.check_limit(column.values.len() + text.len())?;
            column.values.extend_from_slice(text);
            column.ends.push(column.values.len());
        }
        Ok(())
    }

    /// Codes an integer or a character.
    fn integer<C: Coder>(
        &mut self,
        coder: &mut C,
        step: &Step,
        expected: &Expected,
        failed: bool,
    ) -> Result<()> {
        let truth = match C::DECODES {
            true => 0,
            false => self.columns[step.column].integer(self.coded[step.column]),
        };
        let view = view!(self);
        let value = if step.role == Role::Suboptimal {
            let score = self
                .values
                .own(self.named.score, self.now.record)
                .unwrap_or(0);
            let (model, tags) = (&mut self.learnt.suboptimal, [step.tag, self.named.score]);
            model.code(coder, truth, score, &view, &mut self.past, tags)
        } else {
            let place = self.place(step);
            let tag = &mut self.learnt.integers.tags[step.tag];
            tag.code(coder, truth, expected, &view, place, failed)
        };
        if step.role == Role::Integer {
            let (view, place) = (view!(self), self.place(step));
            let tag = &mut self.learnt.integers.tags[step.tag];
            tag.learn(&view, place, expected, value);
        }
        self.take::<C>(step, value)
    }

    /// Takes an integer that has been coded.
    #[inline]
    fn take<C: Coder>(&mut self, step: &Step, value: i64) -> Result<()> {
        let column = &mut self.columns[step.column];
        let [least, most] = bounds(column.kind);
        if !(least..=most).contains(&value) {
            return Err(damaged("a number does not fit its type"));
        }
        if C::DECODES {
            push_integer(column, value);
            self.records.check_limit(column.values.len())?;
        }
        self.coded[step.column] += 1;
        let tells = column.tag == *b"NM" && !self.now.certain;
        self.values.keep(step.tag, self.now.record, value);
        self.now.related = value;
        if tells {
            self.tell_edits(value);
        }
        Ok(())
    }

    /// Takes NM, which tells how many mismatches there are where no MD does.
    fn tell_edits(&mut self, edits: i64) {
        let fact = &mut self.now.fact;
        let mismatches = edits - fact.inserted - fact.deleted;
        if mismatches >= 0 {
            self.now.missed = mismatches - fact.mismatches;
            fact.mismatches = mismatches;
            if let Some(reference) = &mut self.reference {
                reference.learn(self.guess, mismatches);
            }
        }
    }
}
