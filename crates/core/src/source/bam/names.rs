//! The last record of each name, while a chunk's records are taken apart. A table of numbers alone: the names themselves lie
//! among the fields.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use crate::codec::records::part;

/// Records by the hash of their names.
#[derive(Default)]
pub struct Names {
    state: RandomState,
    /// The upper half of a name's hash, and one more than the number of its last record; 0 where there is none. At least
    /// half of the entries are empty.
    entries: Vec<(u32, u32)>,
}

impl Names {
    /// For at most `count` records.
    pub fn with_capacity(count: usize) -> Self {
        Self {
            state: RandomState::default(),
            entries: vec![(0, 0); (count.max(1) * 2).next_power_of_two()],
        }
    }

    /// Puts in record `record`, whose name is among the `names` that end at `ends`; gives the last one before with the same.
    pub fn insert(&mut self, record: usize, names: &[u8], ends: &[usize]) -> Option<usize> {
        let name = &names[part(ends, record)];
        let hash = self.state.hash_one(name);
        let (place, upper) = (hash as usize, (hash >> 32) as u32);
        let most = self.entries.len() - 1;
        for probe in 0..=most {
            let entry = &mut self.entries[place.wrapping_add(probe) & most];
            let before = entry.1.checked_sub(1).map(|before| before as usize);
            let is = |&before: &usize| entry.0 == upper && &names[part(ends, before)] == name;
            if before.as_ref().is_none_or(is) {
                *entry = (upper, record as u32 + 1);
                return before;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn the_last_record_of_each_name_is_found() {
        let (mut names, mut ends, mut known) = (Vec::new(), Vec::new(), HashMap::new());
        let mut table = Names::with_capacity(3000);
        for record in 0..3000usize {
            let name = format!("read{}", record * record % 1009);
            names.extend_from_slice(name.as_bytes());
            ends.push(names.len());
            assert_eq!(
                table.insert(record, &names, &ends),
                known.insert(name, record)
            );
        }
    }
}
