//! How each child stands, two bits for each: ten million take 2.5 MB.

/// Nothing has been told of the child's end.
const OPEN: u8 = 0;
const SUCCEEDED: u8 = 1;
const UNSUCCESSFUL: u8 = 2;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Outcomes(Vec<u8>);

impl Outcomes {
    /// Whether the child has succeeded; `None` while it has not ended.
    pub(super) fn get(&self, index: u64) -> Option<bool> {
        match self.bits(index) {
            SUCCEEDED => Some(true),
            UNSUCCESSFUL => Some(false),
            _ => None,
        }
    }

    pub(super) fn set(&mut self, index: u64, outcome: Option<bool>) {
        let (byte, shift) = place(index);
        if self.0.len() <= byte {
            self.0.resize(byte + 1, 0);
        }
        let bits = match outcome {
            None => OPEN,
            Some(true) => SUCCEEDED,
            Some(false) => UNSUCCESSFUL,
        };
        self.0[byte] = self.0[byte] & !(3 << shift) | bits << shift;
    }

    /// The children below `count` that have not ended. Whole bytes of those that have are passed over at once.
    pub(super) fn open(&self, count: u64) -> impl Iterator<Item = u64> + '_ {
        self.search(0, count, |byte| (byte | byte >> 1) & 0x55 == 0x55, OPEN)
    }

    /// The children from `from` on and below `count` that have ended without success.
    pub(super) fn unsuccessful(&self, from: u64, count: u64) -> impl Iterator<Item = u64> + '_ {
        self.search(from, count, |byte| byte & 0xaa == 0, UNSUCCESSFUL)
    }

    fn search(&self, from: u64, count: u64, has_none: fn(u8) -> bool, bits: u8) -> impl Iterator<Item = u64> + '_ {
        let mut index = from;
        std::iter::from_fn(move || {
            while index < count {
                let (byte, shift) = place(index);
                if shift == 0 && has_none(self.0.get(byte).copied().unwrap_or(0)) {
                    index += 4;
                    continue;
                }
                index += 1;
                if self.bits(index - 1) == bits {
                    return Some(index - 1);
                }
            }
            None
        })
    }

    fn bits(&self, index: u64) -> u8 {
        let (byte, shift) = place(index);
        self.0.get(byte).map_or(OPEN, |bits| bits >> shift & 3)
    }
}

fn place(index: u64) -> (usize, u32) {
    ((index / 4) as usize, (index % 4) as u32 * 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_kept_side_by_side(states in proptest::collection::vec(proptest::option::of(any::<bool>()), 0..200), from in 0_u64..50) {
            let mut outcomes = Outcomes::default();
            for (index, state) in states.iter().enumerate().filter(|(_, state)| state.is_some()) {
                outcomes.set(index as u64, *state);
            }
            let count = states.len() as u64;
            let are = |wanted: Option<bool>, from: u64| -> Vec<u64> {
                (from..count).filter(|index| states[*index as usize] == wanted).collect()
            };
            prop_assert_eq!(outcomes.open(count).collect::<Vec<_>>(), are(None, 0));
            prop_assert_eq!(outcomes.unsuccessful(from, count).collect::<Vec<_>>(), are(Some(false), from.min(count)));
            for index in 0..count {
                prop_assert_eq!(outcomes.get(index), states[index as usize]);
                outcomes.set(index, None);
            }
            prop_assert_eq!(outcomes.open(count).count() as u64, count);
        }
    }
}
