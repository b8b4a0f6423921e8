//! The core computes in the browser, on 32 bits, what it computes natively on 64: each test runs in both,
//! against the same constants.

use lastsave_dict::{Cursor, Dict, Object, Tag, Value};
use lastsave_rdb::crc64;
use lastsave_resp::{ArgsBuf, Limits, ProtocolError, RequestParser, append_request};
use wasm_bindgen_test::wasm_bindgen_test;

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test(unsupported = test)]
fn a_request_survives_the_wire() {
    let mut words = ArgsBuf::new();
    words.push(b"SET");
    words.push(b"key");
    words.push(b"\0\r\n\xff");
    let mut bytes = Vec::new();
    append_request(&mut bytes, words.as_args());
    assert_eq!(
        bytes,
        b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$4\r\n\0\r\n\xff\r\n"
    );

    let mut parser = RequestParser::new(Limits::default());
    let (parsed, taken) = parser.parse(&bytes).unwrap().unwrap();
    assert_eq!(taken, bytes.len());
    assert!(parsed.iter().eq(words.as_args().iter()));
}

#[wasm_bindgen_test(unsupported = test)]
fn a_length_beyond_32_bits_is_refused_not_wrapped() {
    for header in ["$629145600", "$4294967297", "$18446744073709551617"] {
        let mut parser = RequestParser::new(Limits::default());
        let request = format!("*1\r\n{header}\r\n");
        let error = parser.parse(request.as_bytes()).err();
        assert_eq!(error, Some(ProtocolError::InvalidBulkLength), "{header}");
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn the_checksum_of_rdb_files_is_redis_s() {
    assert_eq!(crc64(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    // Long enough for the native code to take its vector path, which the browser does not have.
    let long: Vec<u8> = (0..100_000_u32)
        .map(|number| (number.wrapping_mul(number) >> 5) as u8)
        .collect();
    assert_eq!(crc64(&long), 11_458_460_010_536_790_737);
}

/// No value of these tests is an object.
struct NoObject;

impl Object for NoObject {
    type Frozen = ();

    fn freeze(&self) {}

    fn memory_bytes(&self) -> usize {
        0
    }
}

/// FNV-1a: a checksum that is in no crate under test.
fn fold(hash: u64, bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    bytes.iter().fold(hash, step)
}

#[wasm_bindgen_test(unsupported = test)]
fn a_seed_gives_one_order_of_keys_everywhere() {
    let mut dict: Dict<NoObject> = Dict::new(42);
    for number in 0..10_000_i64 {
        let key = format!("session:{number}");
        let expires_at_ms = (number % 3 == 0).then_some(1_700_000_000_000 + number as u64);
        dict.insert(
            key.as_bytes(),
            Value::Bytes(key.as_bytes()),
            expires_at_ms,
            Tag::default(),
        );
        if number % 4 == 3 {
            dict.remove(format!("session:{}", number / 2).as_bytes());
        }
    }
    let mut walked = 0xcbf2_9ce4_8422_2325;
    for entry in dict.iter() {
        walked = fold(walked, entry.key());
    }
    let mut scanned = walked;
    let mut cursor: Cursor = 0;
    loop {
        cursor = dict.scan(cursor, &mut |entry| scanned = fold(scanned, entry.key()));
        scanned = fold(scanned, &cursor.to_le_bytes());
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(
        (dict.len(), dict.memory_bytes(), walked, scanned),
        (
            7_500,
            346_938,
            10_847_804_148_563_522_965,
            7_268_284_961_504_785_331
        )
    );
}
