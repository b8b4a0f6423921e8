//! CRC-64 (Jones), the checksum of RDB files and of DUMP payloads.

use crc_fast::{CrcAlgorithm, Digest};

/// A running checksum.
pub(crate) struct Crc64(Digest);

impl Crc64 {
    /// The checksum of nothing.
    pub(crate) fn new() -> Self {
        Self(Digest::new(CrcAlgorithm::Crc64Redis))
    }

    /// Counts `bytes` in. Fast for large pieces: call it for whole buffers, not for fields.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of everything counted in so far.
    pub(crate) fn value(&self) -> u64 {
        self.0.finalize()
    }
}

/// The checksum of `bytes`: the last eight bytes of a DUMP payload, over everything before them.
pub fn crc64(bytes: &[u8]) -> u64 {
    crc_fast::checksum(CrcAlgorithm::Crc64Redis, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_and_any_partition_agree() {
        assert_eq!(crc64(b""), 0);
        assert_eq!(crc64(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        let bytes: Vec<u8> = (0..3_000_u32).map(|i| ((i * i) >> 3) as u8).collect();
        for cut in [0, 1, 7, 8, 255, 256, 1_024, 2_999, 3_000] {
            let mut crc = Crc64::new();
            crc.update(&bytes[..cut]);
            crc.update(&bytes[cut..]);
            assert_eq!(crc.value(), crc64(&bytes), "cut at {cut}");
        }
    }
}
