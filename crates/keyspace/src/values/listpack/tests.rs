//! Against a vector, and against bytes of the real server.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// What `DUMP` of redis-server 7.0.15 holds between the sizes and the version, after RPUSH of [`texts`],
/// without the three long ones.
const GOLDEN: &str = "ab0100001f0000017f01c08002dfff02d00002cfff02f1001003f1ffef03f1ff7f03f200800004\
f1008003f2ff7fff04f2ffff7f04f30000800005f200008004f3ffff7fff05f3ffffff7f05f4000000800000000009f30000008005\
f4ffffff7fffffffff09f4ffffffffffffff7f09f400000000000000800993393232333337323033363835343737353830381482\
2d3003823031038001822b3103816102";

fn texts() -> Vec<Vec<u8>> {
    let short = [
        "0",
        "127",
        "128",
        "-1",
        "-4096",
        "4095",
        "4096",
        "-4097",
        "32767",
        "32768",
        "-32768",
        "-32769",
        "8388607",
        "8388608",
        "-8388608",
        "-8388609",
        "2147483647",
        "2147483648",
        "-2147483648",
        "-2147483649",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "-0",
        "01",
        "",
        "+1",
        "a",
    ];
    let long = [(b'x', 63), (b'y', 64), (b'z', 130)];
    short
        .into_iter()
        .map(Vec::from)
        .chain(long.map(|(byte, len)| vec![byte; len]))
        .collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits
        .chunks(2)
        .map(|pair| (pair[0] << 4 | pair[1]) as u8)
        .collect()
}

fn pack_of<T: AsRef<[u8]>>(texts: &[T]) -> Listpack {
    texts.iter().map(AsRef::as_ref).collect()
}

fn contents(pack: &Listpack) -> Vec<Vec<u8>> {
    pack.iter().map(Item::to_vec).collect()
}

fn assert_sound(pack: &Listpack, expected: &[Vec<u8>]) {
    assert_eq!(contents(pack), expected);
    let mut backwards: Vec<_> = pack.iter().rev().map(Item::to_vec).collect();
    backwards.reverse();
    assert_eq!(backwards, expected);
    assert_eq!(pack.len(), expected.len());
    assert_eq!(pack.is_empty(), expected.is_empty());
    let again = Listpack::from_bytes(pack.as_bytes().to_vec());
    assert_eq!(again.as_ref(), Ok(pack));
    assert_eq!(
        pack.as_bytes(),
        pack_of(expected).as_bytes(),
        "the way there must not show"
    );
}

#[test]
fn the_bytes_are_those_of_redis() {
    let mut golden = unhex(GOLDEN);
    golden.push(0xbf);
    golden.extend([b'x'; 63]);
    golden.extend([64, 0xe0, 64]);
    golden.extend([b'y'; 64]);
    golden.extend([66, 0xe0, 130]);
    golden.extend([b'z'; 130]);
    golden.extend([1, 0x84, 0xff]);
    let pack = pack_of(&texts());
    assert_eq!(pack.as_bytes(), golden);
    assert_sound(&pack, &texts());
    let total: usize = texts().iter().map(|text| Listpack::encoded_len(text)).sum();
    assert_eq!(pack.byte_len(), Listpack::EMPTY_LEN + total);
}

#[test]
fn backlens_take_a_byte_more_where_redis_says() {
    for (data, backlen) in [
        (125, &[127][..]),
        (126, &[1, 0x80]),
        (4_096, &[32, 0x85]),
        (16_377, &[127, 0xfe]),
        (16_378, &[0, 0xff, 0xff]),
        (2_097_145, &[0x7f, 0xff, 0xfe]),
        (2_097_146, &[0, 0xff, 0xff, 0xff]),
    ] {
        let text = vec![b'x'; data];
        let pack = pack_of(&[&text]);
        let bytes = pack.as_bytes();
        assert!(bytes[..bytes.len() - 1].ends_with(backlen), "{data}");
        assert_ne!(bytes[bytes.len() - 2 - backlen.len()], 0, "{data}");
        assert_sound(&pack, &[text]);
    }
}

#[test]
fn integers_are_kept_as_such_only_if_they_read_back() {
    for (text, integer) in [
        ("0", Some(0)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("9223372036854775807", Some(i64::MAX)),
        ("9223372036854775808", None),
        ("-0", None),
        ("00", None),
        ("+1", None),
        (" 1", None),
        ("1 ", None),
        ("-", None),
        ("", None),
        ("1.0", None),
    ] {
        let item = Item::of(text.as_bytes());
        assert_eq!(item.integer(), integer, "{text:?}");
        assert_eq!(item.len(), text.len());
        assert!(item.eq_text(text.as_bytes()) && !item.eq_text(b"2"));
    }
}

#[test]
fn a_count_beyond_sixteen_bits_is_found_by_walking() {
    let mut pack = Listpack::new();
    for number in 0..65_534 {
        pack.push_back_integer(number);
    }
    assert_eq!(pack.as_bytes()[4..6], [0xfe, 0xff]);
    pack.push_back_integer(65_534);
    assert_eq!(pack.as_bytes()[4..6], [0xff, 0xff]);
    pack.push_back_integer(65_535);
    assert_eq!(pack.len(), 65_536);
    let item = |pack: &Listpack, index| pack.seek(index).and_then(|at| pack.get(at).integer());
    assert_eq!(item(&pack, -1), Some(65_535));
    assert_eq!(item(&pack, 65_535), Some(65_535));
    assert_eq!(item(&pack, -65_536), Some(0));
    assert_eq!(item(&pack, 65_536), None);
    assert_eq!(item(&pack, -65_537), None);
    assert_eq!(item(&pack, i64::MIN), None);

    let mut head = pack.clone();
    let tail = head.split_off(10);
    assert_eq!(
        (
            head.as_bytes()[4],
            tail.len(),
            tail.as_bytes()[4..6].to_vec()
        ),
        (10, 65_526, vec![0xf6, 0xff])
    );
    head.append(&tail);
    assert_eq!(head, pack);
    assert!(Listpack::from_bytes(pack.into_bytes()).is_ok());
}

#[test]
fn every_damaged_byte_is_refused_or_harmless() {
    let pack = pack_of(&texts());
    let sound = pack.as_bytes();
    for end in 0..sound.len() {
        assert_eq!(Listpack::from_bytes(sound[..end].to_vec()), Err(Malformed));
    }
    for at in 0..sound.len() {
        for bit in 0..8 {
            let mut bytes = sound.to_vec();
            bytes[at] ^= 1 << bit;
            if let Ok(pack) = Listpack::from_bytes(bytes) {
                assert_eq!(pack.iter().count(), pack.iter().rev().count());
                assert_eq!(contents(&pack).len(), pack.len());
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    PushBack(Vec<u8>),
    PushFront(Vec<u8>),
    InsertBefore(usize, Vec<u8>),
    InsertAfter(usize, Vec<u8>),
    Replace(usize, Vec<u8>),
    RemoveRange(usize, usize),
    Split(usize),
    Find(usize, usize, Vec<u8>),
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (-200..200_i64).prop_map(|number| number.to_string().into_bytes()),
        any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        (any::<i64>(), 0..64_u32)
            .prop_map(|(number, bits): (i64, u32)| (number >> bits).to_string().into_bytes()),
        vec(any::<u8>(), 0..5),
        (any::<u8>(), 0..200_usize).prop_map(|(byte, len)| vec![byte; len]),
        (any::<u8>(), 4_000..17_000_usize).prop_map(|(byte, len)| vec![byte; len]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let index = || 0..30_usize;
    prop_oneof![
        text().prop_map(Step::PushBack),
        text().prop_map(Step::PushBack),
        text().prop_map(Step::PushFront),
        (index(), text()).prop_map(|(at, text)| Step::InsertBefore(at, text)),
        (index(), text()).prop_map(|(at, text)| Step::InsertAfter(at, text)),
        (index(), text()).prop_map(|(at, text)| Step::Replace(at, text)),
        (index(), 0..4_usize).prop_map(|(at, count)| Step::RemoveRange(at, count)),
        index().prop_map(Step::Split),
        (index(), 0..3_usize, text()).prop_map(|(at, skip, text)| Step::Find(at, skip, text)),
    ]
}

proptest! {
    #[test]
    fn edits_agree_with_a_vector(steps in vec(step(), 0..40)) {
        let mut pack = Listpack::new();
        let mut model: Vec<Vec<u8>> = Vec::new();
        for step in steps {
            let len = model.len();
            let place = |pack: &Listpack, at: usize| {
                let forward = pack.seek((at % len) as i64).expect("the index is below the length");
                let backward = pack.seek((at % len) as i64 - len as i64);
                assert_eq!(Some(forward), backward);
                forward
            };
            match step {
                Step::PushBack(text) => {
                    pack.push_back(&text);
                    model.push(text);
                }
                Step::PushFront(text) => {
                    pack.push_front(&text);
                    model.insert(0, text);
                }
                _ if len == 0 => prop_assert_eq!((pack.first(), pack.last()), (None, None)),
                Step::InsertBefore(at, text) => {
                    let at_position = place(&pack, at);
                    let new = pack.insert_before(at_position, &text);
                    prop_assert!(pack.get(new).eq_text(&text));
                    model.insert(at % len, text);
                }
                Step::InsertAfter(at, text) => {
                    let at_position = place(&pack, at);
                    let new = pack.insert_after(at_position, &text);
                    prop_assert_eq!(pack.prev(new), Some(at_position));
                    prop_assert!(pack.get(new).eq_text(&text));
                    model.insert(at % len + 1, text);
                }
                Step::Replace(at, text) => {
                    let at_position = place(&pack, at);
                    let new = pack.replace(at_position, &text);
                    prop_assert!(pack.get(new).eq_text(&text));
                    model[at % len] = text;
                }
                Step::RemoveRange(at, count) => {
                    let at_position = place(&pack, at);
                    let next = pack.remove_range(at_position, count);
                    let from = at % len;
                    model.drain(from..len.min(from + count));
                    prop_assert_eq!(next.map(|at| pack.get(at).to_vec()), model.get(from).cloned());
                }
                Step::Split(at) => {
                    let tail = pack.split_off(at);
                    let (left, right) = model.split_at(at.min(len));
                    assert_sound(&tail, right);
                    assert_sound(&pack, left);
                    pack.append(&tail);
                }
                Step::Find(at, skip, text) => {
                    let from = at % len;
                    let text = if at % 2 == 0 { model[at / 2 % len].clone() } else { text };
                    let found = pack.find(place(&pack, at), skip, &text);
                    let expected = (from..len).step_by(skip + 1).find(|i| model[*i] == text);
                    prop_assert_eq!(found, expected.map(|index| place(&pack, index)));
                }
            }
            assert_sound(&pack, &model);
        }
    }

    #[test]
    fn any_bytes_are_refused_or_walk(entries in vec(any::<u8>(), 0..80), count in 0..8_u16) {
        let mut bytes = (entries.len() as u32 + 7).to_le_bytes().to_vec();
        bytes.extend(if count == 7 { u16::MAX } else { count }.to_le_bytes());
        bytes.extend(entries);
        bytes.push(END);
        if let Ok(pack) = Listpack::from_bytes(bytes) {
            prop_assert_eq!(pack.iter().rev().count(), pack.len());
        }
    }

    #[test]
    fn whatever_integer_goes_in_comes_out(number in any::<i64>(), bits in 0..64) {
        let number = number >> bits;
        let mut pack = Listpack::new();
        pack.push_front_integer(number);
        let at = pack.first().expect("one entry");
        prop_assert_eq!(pack.get(at), Item::Integer(number));
        prop_assert_eq!(pack.byte_len(), Listpack::EMPTY_LEN + Listpack::encoded_integer_len(number));
        prop_assert_eq!(&pack, &pack_of(&[number.to_string()]));
    }
}
