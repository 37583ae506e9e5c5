//! Random numbers for claims, seeds and request ids: unique rather than secret, and cheap.

/// A stream of random numbers (SplitMix64), seeded by the operating system.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// A stream of its own.
    pub fn from_system() -> Self {
        Self(getrandom::u64().expect("the operating system gives random numbers"))
    }

    /// The stream that begins here.
    pub fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A UUID of version 4.
    pub fn uuid(&mut self) -> uuid::Uuid {
        let bytes = (u128::from(self.next_u64()) << 64) | u128::from(self.next_u64());
        uuid::Builder::from_random_bytes(bytes.to_be_bytes()).into_uuid()
    }
}
