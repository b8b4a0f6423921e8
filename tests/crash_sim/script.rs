//! What the crash tests run: requests and pauses, made from a seed.

use crate::machine::Random;

/// The words of a request.
pub(crate) type Words = Vec<Vec<u8>>;

/// A step of a script.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Request(Words),
    /// Let so many microseconds pass.
    Advance(u64),
    /// Let jobs do so many steps.
    Jobs(u64),
}

/// A request from its text; `@3` stands for three steps of jobs.
pub(crate) fn request(line: &str) -> Item {
    if let Some(steps) = line.strip_prefix('@') {
        return Item::Jobs(steps.parse().expect("a number of steps"));
    }
    Item::Request(
        line.split(' ')
            .map(|word| word.as_bytes().to_vec())
            .collect(),
    )
}

/// `requests` requests of all kinds over two databases, with a pause after every few; `special` are put in at their
/// positions, several in one place apart by `; `.
pub(crate) fn workload(seed: u64, requests: usize, special: &[(usize, &str)]) -> Vec<Item> {
    let mut random = Random(seed);
    let mut items = Vec::new();
    let mut number = 0;
    let mut in_multi = 0;
    while number < requests {
        if in_multi == 0 {
            for (_, line) in special.iter().filter(|(position, _)| *position == number) {
                items.extend(line.split("; ").map(request));
            }
        }
        number += 1;
        if in_multi > 0 {
            in_multi -= 1;
            if in_multi == 0 {
                items.push(request("EXEC"));
                continue;
            }
            items.push(Item::Request(write(&mut random)));
            continue;
        }
        match random.below(20) {
            // Not where a special request would fall into the transaction.
            0 | 1
                if !special
                    .iter()
                    .any(|(position, _)| (number..number + 7).contains(position)) =>
            {
                items.push(request("MULTI"));
                in_multi = 2 + random.below(4);
            }
            2 => items.push(request(&format!("SELECT {}", random.below(2)))),
            3 => items.push(request(&format!("GET k{}", random.below(30)))),
            4 | 5 => items.push(Item::Advance(200_000 + random.below(1_000_000))),
            _ => items.push(Item::Request(write(&mut random))),
        }
    }
    if in_multi > 0 {
        items.push(request("EXEC"));
    }
    items.push(Item::Advance(1_500_000));
    items
}

fn write(random: &mut Random) -> Words {
    let key = format!("k{}", random.below(30)).into_bytes();
    let text = |random: &mut Random, len: u64| -> Vec<u8> {
        (0..len).map(|_| b'a' + random.below(26) as u8).collect()
    };
    let far_ms = || b"4000000000000".to_vec();
    match random.below(20) {
        0..=4 => {
            let len = 1 + random.below(60);
            vec![b"SET".to_vec(), key, text(random, len)]
        }
        5 => {
            let len = 5_000 + random.below(15_000);
            let big = format!("big{}", random.below(4)).into_bytes();
            vec![b"SET".to_vec(), big, text(random, len)]
        }
        6 | 7 => {
            let counter = format!("c{}", random.below(5)).into_bytes();
            vec![
                b"INCRBY".to_vec(),
                counter,
                random.below(100_000).to_string().into_bytes(),
            ]
        }
        8 | 9 => {
            let len = 1 + random.below(200);
            let list = format!("a{}", random.below(5)).into_bytes();
            vec![b"APPEND".to_vec(), list, text(random, len)]
        }
        10 => vec![b"DEL".to_vec(), key],
        11 => vec![b"EXPIRE".to_vec(), key, b"100000000".to_vec()],
        12 => vec![b"PEXPIREAT".to_vec(), key, far_ms()],
        13 => {
            let to = format!("k{}", random.below(30)).into_bytes();
            vec![b"RENAME".to_vec(), key, to]
        }
        14 => {
            let len = 1 + random.below(30);
            vec![
                b"SETRANGE".to_vec(),
                key,
                random.below(80).to_string().into_bytes(),
                text(random, len),
            ]
        }
        15 => vec![
            b"SET".to_vec(),
            key,
            text(random, 9),
            b"EX".to_vec(),
            b"100000000".to_vec(),
        ],
        16 => {
            let other = format!("k{}", random.below(30)).into_bytes();
            vec![
                b"MSET".to_vec(),
                key,
                text(random, 20),
                other,
                text(random, 20),
            ]
        }
        17 => vec![b"PERSIST".to_vec(), key],
        18 => vec![b"GETDEL".to_vec(), key],
        _ => vec![b"INCRBYFLOAT".to_vec(), b"f".to_vec(), b"1.5".to_vec()],
    }
}
