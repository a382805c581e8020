//! What followed a context last: for values that depend on it alone, with two bytes for each context.

/// A known value from here on is not kept: seven bits hold qualities and characters.
const MOST: u8 = 128;

/// Values by context.
#[derive(Clone)]
pub(crate) struct Memory {
    /// Owner in the upper 7 bits, value in the next 7, how sure it is (0: unused) in the lowest 2.
    entries: Vec<u16>,
    shift: u32,
}

impl Memory {
    /// Room for 2^`bits` contexts, of 2 bytes each.
    pub(crate) fn new(bits: u32) -> Self {
        Self {
            entries: vec![0; 1 << bits],
            shift: 32 - bits,
        }
    }

    /// The place of a context, and its entry if it is its own.
    #[inline(always)]
    fn find(&self, context: u32) -> (usize, Option<u16>) {
        let place = (context >> self.shift) as usize;
        let entry = self.entries[place];
        let own = entry >> 9 == owner(context) && entry & 3 > 0;
        (place, own.then_some(entry))
    }

    /// The value that followed the context with this hash, and how sure it is (1 to 3); 0 and 0 if unknown.
    #[inline(always)]
    pub(crate) fn get(&self, context: u32) -> (u8, u32) {
        match self.find(context).1 {
            Some(entry) => ((entry >> 2 & 127) as u8, u32::from(entry & 3)),
            None => (0, 0),
        }
    }

    /// Learns what followed. Another context's value gives way only to what is `strong`, and slowly if it was confirmed.
    #[inline(always)]
    pub(crate) fn learn(&mut self, context: u32, value: u8, strong: bool) {
        if value >= MOST {
            return;
        }
        let (place, own) = self.find(context);
        let entry = &mut self.entries[place];
        let value = u16::from(value);
        match own {
            Some(known) if known >> 2 & 127 == value => *entry += u16::from(known & 3 < 3),
            None if *entry & 3 > 0 && !strong => (),
            None if *entry & 3 > 1 => *entry -= 1,
            _ => *entry = owner(context) << 9 | value << 2 | 1,
        }
    }
}

/// What tells a context from others in its place.
#[inline(always)]
fn owner(context: u32) -> u16 {
    (context & 127) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_known_and_surer_each_time_until_another_comes() {
        let mut memory = Memory::new(4);
        let context = 0xabcd_1234;
        assert_eq!(memory.get(context), (0, 0));
        for sure in [1, 2, 3, 3] {
            memory.learn(context, 41, true);
            assert_eq!(memory.get(context), (41, sure));
        }
        memory.learn(context, 40, true);
        assert_eq!(memory.get(context), (40, 1));
        memory.learn(context, 200, true);
        assert_eq!(memory.get(context), (40, 1));
    }

    #[test]
    fn a_confirmed_value_gives_way_slowly() {
        let mut memory = Memory::new(4);
        let (old, new) = (0xa000_0001, 0xa000_0002);
        memory.learn(old, 10, true);
        memory.learn(old, 10, true);
        memory.learn(new, 20, true);
        assert_eq!(memory.get(old), (10, 1));
        memory.learn(new, 20, false);
        assert_eq!(memory.get(old), (10, 1));
        memory.learn(new, 20, true);
        assert_eq!((memory.get(old), memory.get(new)), ((0, 0), (20, 1)));
    }
}
