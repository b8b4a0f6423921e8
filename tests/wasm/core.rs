//! The core computes in the browser, on 32 bits, what it computes natively on 64.

#![cfg(target_arch = "wasm32")]

use lastsave_resp::{ArgsBuf, Limits, ProtocolError, RequestParser, append_request};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
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

#[wasm_bindgen_test]
fn a_length_beyond_32_bits_is_refused_not_wrapped() {
    for header in ["$629145600", "$4294967297", "$18446744073709551617"] {
        let mut parser = RequestParser::new(Limits::default());
        let request = format!("*1\r\n{header}\r\n");
        assert_eq!(
            parser.parse(request.as_bytes()).err(),
            Some(ProtocolError::InvalidBulkLength),
            "{header}"
        );
    }
}
