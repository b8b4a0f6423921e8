//! Raw deflate (RFC 1951) with a bound on what comes out: what links and small uploads travel as.
//!
//! [`pack_with`] begins with a dictionary that both ends know, so that a short text need not bring its own words. Another
//! reader has the same with `inflateSetDictionary`.

use miniz_oxide::{
    DataFormat,
    deflate::{
        CompressionLevel,
        core::{CompressorOxide, TDEFLFlush, compress_to_output},
    },
    inflate::{
        TINFLStatus,
        core::{DecompressorOxide, decompress, inflate_flags},
    },
};

/// Why bytes could not be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackError {
    /// They are no deflate stream, or not a whole one, or something follows it.
    Damaged,
    /// More comes out than was allowed.
    TooLong,
}

impl std::fmt::Display for PackError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Damaged => "the compressed bytes are damaged or incomplete",
            Self::TooLong => "the compressed bytes hold more than is allowed",
        })
    }
}

impl std::error::Error for PackError {}

/// The room that unpacking begins with, in bytes; it doubles as needed.
const FIRST_ROOM: usize = 4096;

/// Compresses `bytes`. The same bytes give the same result on every target.
pub fn pack(bytes: &[u8]) -> Vec<u8> {
    pack_with(&[], bytes)
}

/// Undoes [`pack`]. Memory is bounded by `max_len`, whatever the bytes are.
///
/// # Errors
/// If they are not exactly what [`pack`] or another deflate makes, or hold more than `max_len` bytes.
pub fn unpack(bytes: &[u8], max_len: usize) -> Result<Vec<u8>, PackError> {
    unpack_with(&[], bytes, max_len)
}

/// Compresses `bytes` for a reader that knows `dictionary`. Its last 32 KiB count.
pub fn pack_with(dictionary: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut compressor =
        CompressorOxide::with_format_and_level(DataFormat::Raw, CompressionLevel::BestCompression);
    if !dictionary.is_empty() {
        // A flush ends what the dictionary came to at a byte, and what is left out here the reader does not miss.
        compress_to_output(&mut compressor, dictionary, TDEFLFlush::Sync, |_| true);
    }
    let mut packed = Vec::new();
    compress_to_output(&mut compressor, bytes, TDEFLFlush::Finish, |part| {
        packed.extend_from_slice(part);
        true
    });
    packed
}

/// Undoes [`pack_with`] the same dictionary.
///
/// # Errors
/// As [`unpack`].
pub fn unpack_with(
    dictionary: &[u8],
    mut bytes: &[u8],
    max_len: usize,
) -> Result<Vec<u8>, PackError> {
    let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let start = dictionary.len();
    // One more byte than allowed tells a stream that ends in time from one that does not.
    let most = start.saturating_add(max_len).saturating_add(1);
    let mut inflater = Box::<DecompressorOxide>::default();
    let mut out = dictionary.to_vec();
    let mut filled = start;
    loop {
        let room = (out.len() - start).max(FIRST_ROOM / 2);
        out.resize(out.len().saturating_add(room).min(most), 0);
        let (status, read, written) = decompress(&mut inflater, bytes, &mut out, filled, flags);
        filled += written;
        bytes = &bytes[read..];
        match status {
            _ if filled == most => return Err(PackError::TooLong),
            TINFLStatus::Done if bytes.is_empty() => break,
            TINFLStatus::HasMoreOutput => {}
            _ => return Err(PackError::Damaged),
        }
    }
    out.truncate(filled);
    out.drain(..start);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bomb_costs_what_is_allowed_and_no_more() {
        let bomb = pack(&vec![0; 50_000_000]);
        assert!(bomb.len() < 60_000);
        assert_eq!(unpack(&bomb, 1000), Err(PackError::TooLong));
        let exact = pack(&[7; 1000]);
        assert_eq!(unpack(&exact, 1000), Ok(vec![7; 1000]));
        assert_eq!(unpack(&exact, 999), Err(PackError::TooLong));
        assert_eq!(unpack(&pack(&[]), 0), Ok(Vec::new()));
    }

    #[test]
    fn damage_is_noticed() {
        let packed = pack(b"SET greeting hello\nSET greeting again\n");
        for len in 0..packed.len() {
            assert_eq!(unpack(&packed[..len], 1000), Err(PackError::Damaged));
        }
        let longer = [&packed[..], b"x"].concat();
        assert_eq!(unpack(&longer, 1000), Err(PackError::Damaged));
    }

    #[test]
    fn a_dictionary_spares_its_words() {
        let (dictionary, text) = (
            b"redis-server --appendonly yes\n",
            b"redis-server --appendonly no\n",
        );
        let packed = pack_with(dictionary, text);
        assert!(packed.len() + 15 < pack(text).len());
        assert_eq!(unpack_with(dictionary, &packed, 100), Ok(text.to_vec()));
        // Without it, the stream refers to what is not there.
        assert_ne!(unpack(&packed, 100), Ok(text.to_vec()));
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_back(
            dictionary in proptest::collection::vec(0u8..4, 0..200),
            bytes in proptest::collection::vec(0u8..4, 0..9000),
        ) {
            let packed = pack_with(&dictionary, &bytes);
            prop_assert_eq!(unpack_with(&dictionary, &packed, bytes.len()), Ok(bytes));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(unpacked) = unpack(&bytes, 500) {
                prop_assert!(unpacked.len() <= 500);
            }
        }
    }
}
