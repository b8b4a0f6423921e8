//! Compression against decompression; that the bytes are the library's is tested through DUMP in `encode`.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::samples::sample;

/// Strings in which matches of every length and distance turn up.
fn texture() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        vec(any::<u8>(), 0..40),
        (any::<u8>(), 1..600_usize).prop_map(|(byte, count)| vec![byte; count]),
        vec(0..3_u8, 0..200),
    ];
    vec(piece, 0..30).prop_map(|pieces| {
        let repeated = pieces.clone();
        pieces.into_iter().chain(repeated).flatten().collect()
    })
}

proptest! {
    #[test]
    fn what_is_compressed_comes_back(strings in vec(texture(), 1..4)) {
        let mut compressor = Compressor::new();
        for string in strings {
            let fresh = Compressor::new().compress(&string).map(<[u8]>::to_vec);
            let compressed = compressor.compress(&string).map(<[u8]>::to_vec);
            prop_assert_eq!(&compressed, &fresh, "earlier strings must not show");
            if let Some(compressed) = compressed {
                prop_assert!(compressed.len() + 4 <= string.len());
                prop_assert_eq!(decompress(&compressed, string.len()), Some(string));
            }
        }
    }

    #[test]
    fn any_input_decompresses_or_is_refused(bytes in vec(any::<u8>(), 0..200), length in 0..3_000_usize) {
        if let Some(output) = decompress(&bytes, length) {
            prop_assert_eq!(output.len(), length);
        }
    }
}

#[test]
fn positions_may_wrap_around() {
    let text = sample("words", 5_000);
    let mut fresh = Compressor::new();
    let mut old = Compressor::new();
    old.compress(&text);
    old.base = u32::MAX - 7_000;
    for _ in 0..3 {
        assert_eq!(old.compress(&text), fresh.compress(&text));
    }
    assert!(old.base < 20_000, "the table began anew");
}

#[test]
fn a_claim_beyond_the_greatest_ratio_is_refused() {
    let mut best = vec![0, b'x'];
    for _ in 0..1_000 {
        best.extend([0xe0, 0xff, 0]);
    }
    assert_eq!(decompress(&best, 1 + 264_000), Some(vec![b'x'; 264_001]));
    assert!(plausible(3, 264) && !plausible(3, 265));
    assert_eq!(decompress(&best, usize::MAX), None);
}

#[test]
fn every_truncation_is_refused() {
    let text = sample("json", 600);
    let mut compressor = Compressor::new();
    let compressed = compressor.compress(&text).expect("JSON repeats itself");
    for end in 0..compressed.len() {
        assert_eq!(
            decompress(&compressed[..end], text.len()),
            None,
            "cut at {end}"
        );
    }
    assert_eq!(decompress(compressed, text.len() - 1), None);
    assert_eq!(decompress(compressed, text.len() + 1), None);
}
