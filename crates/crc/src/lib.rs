//! CRC-64 (Jones), the checksum of RDB files, of DUMP payloads, and of the append-only file's own checksum lines.

#[cfg(not(target_arch = "wasm32"))]
use crc_fast::{CrcAlgorithm, Digest};

/// A running checksum.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone, Debug)]
pub struct Crc64(Digest);

#[cfg(not(target_arch = "wasm32"))]
impl Default for Crc64 {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Crc64 {
    /// The checksum of nothing.
    pub fn new() -> Self {
        Self(Digest::new(CrcAlgorithm::Crc64Redis))
    }

    /// Counts `bytes` in. Fast for large pieces: call it for whole buffers, not for fields.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of everything counted in so far.
    pub fn value(&self) -> u64 {
        self.0.finalize()
    }
}

#[cfg(target_arch = "wasm32")]
pub use portable::Crc64;

/// The checksum of `bytes`: the last eight bytes of a DUMP payload, over everything before them.
pub fn crc64(bytes: &[u8]) -> u64 {
    let mut crc = Crc64::new();
    crc.update(bytes);
    crc.value()
}

/// The same by tables that are computed at the first use, eight bytes at a time. crc-fast has tables for every CRC
/// there is, and they would be half of the page's download.
#[cfg(any(target_arch = "wasm32", test))]
#[cfg_attr(
    not(target_arch = "wasm32"),
    expect(unreachable_pub, reason = "it is public in the page only")
)]
mod portable {
    use std::sync::OnceLock;

    /// The polynomial, with its lowest power in the highest bit.
    const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

    /// `TABLES[n][byte]` is what a byte comes to that has `n` more bytes of zeros behind it.
    type Tables = [[u64; 256]; 8];

    fn tables() -> &'static Tables {
        static TABLES: OnceLock<Box<Tables>> = OnceLock::new();
        TABLES.get_or_init(|| {
            let mut tables = Box::new([[0; 256]; 8]);
            for byte in 0..256 {
                let mut crc = byte as u64;
                for _ in 0..8 {
                    crc = (crc >> 1) ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 };
                }
                tables[0][byte] = crc;
            }
            for zeros in 1..8 {
                for byte in 0..256 {
                    let before = tables[zeros - 1][byte];
                    tables[zeros][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
                }
            }
            tables
        })
    }

    /// A running checksum.
    #[derive(Clone, Debug, Default)]
    pub struct Crc64(u64);

    impl Crc64 {
        /// The checksum of nothing.
        pub fn new() -> Self {
            Self(0)
        }

        /// Counts `bytes` in.
        pub fn update(&mut self, bytes: &[u8]) {
            let tables = tables();
            let (words, rest) = bytes.as_chunks::<8>();
            let mut crc = self.0;
            for word in words {
                let mixed = (crc ^ u64::from_le_bytes(*word)).to_le_bytes();
                crc = mixed
                    .iter()
                    .zip(tables.iter().rev())
                    .fold(0, |crc, (byte, table)| crc ^ table[usize::from(*byte)]);
            }
            for byte in rest {
                crc = (crc >> 8) ^ tables[0][usize::from(crc as u8 ^ byte)];
            }
            self.0 = crc;
        }

        /// The checksum of everything counted in so far.
        pub fn value(&self) -> u64 {
            self.0
        }
    }
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
            let mut portable = portable::Crc64::new();
            portable.update(&bytes[..cut]);
            portable.update(&bytes[cut..]);
            assert_eq!(portable.value(), crc64(&bytes), "cut at {cut}, portably");
        }
    }
}
