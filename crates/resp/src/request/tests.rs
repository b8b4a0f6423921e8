//! Tests of the request parser.

use proptest::prelude::*;

use super::*;

type Parsed = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

/// Feeds `stream` in pieces that end at `cuts`, as a connection would.
fn parse_in_pieces(stream: &[u8], cuts: &[usize], limits: Limits) -> Parsed {
    let mut parser = RequestParser::new(limits);
    let mut requests = Vec::new();
    let mut buffer = Vec::new();
    let mut fed = 0;
    for end in cuts.iter().copied().chain([stream.len()]) {
        buffer.extend_from_slice(&stream[fed..end.max(fed)]);
        fed = end.max(fed);
        loop {
            match parser.parse(&buffer) {
                Ok(None) => break,
                Ok(Some((args, taken))) => {
                    requests.push(args.iter().map(<[u8]>::to_vec).collect());
                    buffer.drain(..taken);
                }
                Err(error) => return (requests, Some(error)),
            }
        }
    }
    (requests, None)
}

fn parse_whole(stream: &[u8]) -> Parsed {
    parse_in_pieces(stream, &[], Limits::default())
}

fn error_of(stream: &[u8]) -> Option<String> {
    parse_whole(stream).1.map(|error| error.to_string())
}

#[test]
fn requests_of_every_form() {
    let stream = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n\r\n*0\r\n*-1\r\nset k \"a b\"\r\nping\n*1\r\n$0\r\n\r\n*1\r\n$10\r\n0123456789\r\n";
    let (requests, error) = parse_whole(stream);
    let expected: Vec<Vec<&[u8]>> = vec![
        vec![b"GET", b"k"],
        vec![],
        vec![],
        vec![],
        vec![b"set", b"k", b"a b"],
        vec![b"ping"],
        vec![b""],
        vec![b"0123456789"],
    ];
    assert_eq!(error, None);
    assert_eq!(requests, expected);
}

#[test]
fn golden_errors() {
    let long = [b"*".as_slice(), &[b'1'; 70_000]].concat();
    let long_bulk = [b"*1\r\n$".as_slice(), &[b'1'; 70_000]].concat();
    for (stream, expected) in [
        (b"*a\r\n".as_slice(), "invalid multibulk length"),
        (b"*\r\n", "invalid multibulk length"),
        (b"*+1\r\n", "invalid multibulk length"),
        (b"*01\r\n", "invalid multibulk length"),
        (b"*2147483648\r\n", "invalid multibulk length"),
        (b"*99999999999999999999\r\n", "invalid multibulk length"),
        (&long, "too big mbulk count string"),
        (&long_bulk, "too big bulk count string"),
        (b"*1\r\nPING\r\n", "expected '$', got 'P'"),
        (b"*1\r\n\r\n", "expected '$', got '\r'"),
        (b"*1\r\n$\r\n", "invalid bulk length"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n$x\r\n", "invalid bulk length"),
        (b"*1\r\n$536870913\r\n", "invalid bulk length"),
        (b"*1\r\n$20000000000\r\n", "invalid bulk length"),
        (b"set \"k\r\n", "unbalanced quotes in request"),
        (&[b'a'; 65_537], "too big inline request"),
        (&[0; 65_537], "too big inline request"),
    ] {
        assert_eq!(
            error_of(stream).as_deref(),
            Some(expected),
            "{}",
            stream[..stream.len().min(30)].escape_ascii()
        );
    }
}

#[test]
fn incomplete_is_not_an_error() {
    for stream in [
        b"".as_slice(),
        b"*",
        b"*1",
        b"*1\r",
        b"*x",
        b"*1\r\n",
        b"*1\r\nP",
        b"*1\r\nPING\r",
        b"*1\r\n$4",
        b"*1\r\n$x\r",
        b"*1\r\n$4\r\nPING\r",
        b"*1\r\n$536870912\r\n",
        b"PING",
        b"*1\0\r\n",
        b"PI\0NG\r\n",
        &[b'a'; 65_536],
    ] {
        assert_eq!(
            parse_whole(stream),
            (vec![], None),
            "{}",
            stream.escape_ascii()
        );
    }
}

#[test]
fn the_byte_behind_a_carriage_return_is_not_looked_at() {
    // As in Redis, which skips two bytes.
    assert_eq!(parse_whole(b"*1\rX$2\rYab??").0, vec![vec![b"ab".to_vec()]]);
}

#[test]
fn every_two_cuts_of_a_stream_give_the_same_requests() {
    let stream = b"*2\r\n$3\r\nGET\r\n$12\r\n012345678901\r\n*-1\r\nset k 'a b'\n*1\r\n$0\r\n\r\n*1\r\n$x\r\n";
    let whole = parse_whole(stream);
    for first in 0..stream.len() {
        for second in first..stream.len() {
            assert_eq!(
                parse_in_pieces(stream, &[first, second], Limits::default()),
                whole
            );
        }
    }
    let every_byte: Vec<usize> = (0..stream.len()).collect();
    assert_eq!(
        parse_in_pieces(stream, &every_byte, Limits::default()),
        whole
    );
}

#[test]
fn long_lines_are_refused_wherever_they_are_cut() {
    // A limit of 16 bytes: the line end may stand at offset 16, and not behind.
    let limits = Limits {
        max_inline_len: 16,
        ..Limits::default()
    };
    for (stream, expected) in [
        (b"0123456789abcdef\n".as_slice(), None),
        (b"0123456789abcdefg\n", Some(ProtocolError::TooBigInline)),
        (
            b"*-00000000000000\r\n",
            Some(ProtocolError::InvalidMultibulkLength),
        ),
        (
            b"*-000000000000000\r\n",
            Some(ProtocolError::TooBigMultibulkCount),
        ),
        (
            b"*1\r\n$000000000000000\r\n",
            Some(ProtocolError::InvalidBulkLength),
        ),
        (
            b"*1\r\n$0000000000000000\r\n",
            Some(ProtocolError::TooBigBulkCount),
        ),
    ] {
        let whole = parse_in_pieces(stream, &[], limits);
        assert_eq!(whole.1, expected, "{}", stream.escape_ascii());
        let every_byte: Vec<usize> = (0..stream.len()).collect();
        assert_eq!(
            parse_in_pieces(stream, &every_byte, limits),
            whole,
            "{}",
            stream.escape_ascii()
        );
    }
}

#[test]
fn a_hostile_header_allocates_nothing() {
    let mut parser = RequestParser::default();
    assert!(
        parser
            .parse(b"*2147483647\r\n$536870912\r\n")
            .unwrap()
            .is_none()
    );
    assert_eq!(parser.words.capacity(), 0);
    assert_eq!(parser.unquoted.capacity(), 0);
    assert_eq!(parser.missing_len(), 536_870_914);
}

#[test]
fn a_request_never_reaches_4_gib() {
    let limits = Limits {
        max_bulk_len: usize::MAX,
        ..Limits::default()
    };
    let fits = RequestParser::new(limits)
        .parse(b"*1\r\n$4294967276\r\n")
        .map(|parsed| parsed.is_none());
    assert_eq!(fits, Ok(true));
    let error = RequestParser::new(limits)
        .parse(b"*1\r\n$4294967277\r\n")
        .map(|parsed| parsed.is_none());
    assert_eq!(error, Err(ProtocolError::InvalidBulkLength));
}

#[test]
fn a_long_bulk_is_not_scanned_again() {
    // A bulk is passed over by its length: what was parsed stays parsed, so the offset only moves forward.
    let mut parser = RequestParser::default();
    let mut input = b"*2\r\n$1\r\na\r\n$100000\r\n".to_vec();
    while input.len() < 100_000 {
        assert!(parser.parse(&input).unwrap().is_none());
        assert_eq!(parser.state.position, 20);
        assert_eq!(parser.missing_len(), 20 + 100_002 - input.len());
        input.extend_from_slice(&[b'*'; 10_000]);
    }
}

#[test]
fn integers_as_redis_reads_them() {
    for (text, expected) in [
        ("0", Some(0)),
        ("-1", Some(-1)),
        ("9223372036854775807", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("9223372036854775808", None),
        ("-9223372036854775809", None),
        ("18446744073709551616", None),
        ("", None),
        ("-", None),
        ("-0", None),
        ("01", None),
        ("+1", None),
        (" 1", None),
        ("1 ", None),
        ("1a", None),
    ] {
        assert_eq!(parse_i64(text.as_bytes()), expected, "{text}");
    }
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..20),
        Just(b"\r\n".to_vec())
    ];
    prop_oneof![
        4 => proptest::collection::vec(word, 1..5).prop_map(|words| {
            let mut out = Vec::new();
            append_request(&mut out, words.iter().collect::<crate::ArgsBuf>().as_args());
            out
        }),
        1 => "[a-z \"'\\\\]{0,12}\r?\n".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..12),
        1 => Just(b"*0\r\n".to_vec()),
    ]
}

proptest! {
    #[test]
    fn any_split_of_any_stream_gives_the_same_requests(
        stream in proptest::collection::vec(request(), 0..6).prop_map(|requests| requests.concat()),
        mut cuts in proptest::collection::vec(0..200usize, 0..6),
    ) {
        cuts.retain(|cut| *cut < stream.len());
        cuts.sort_unstable();
        prop_assert_eq!(parse_in_pieces(&stream, &cuts, Limits::default()), parse_whole(&stream));
    }

    #[test]
    fn what_is_written_is_read_back(words in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..30), 1..8)) {
        let mut stream = Vec::new();
        append_request(&mut stream, words.iter().collect::<crate::ArgsBuf>().as_args());
        prop_assert_eq!(parse_whole(&stream), (vec![words], None));
    }
}
