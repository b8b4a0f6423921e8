//! A real server is killed with SIGKILL at random moments while a client writes: whatever was acknowledged is there
//! after the restart, and what is there is a prefix of what was sent.
//!
//! `LASTSAVE_LONG=1 cargo test -p lastsave-tests --test crash_native` kills fifty times under each policy.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lastsave_tests::native::{Client, Random, Reply, Server, append_command, program};
use lastsave_tests::proof::{Proof, long};

/// Kills under each policy, in short and in long runs.
const CRASHES: [u64; 2] = [8, 50];

/// Keys that are written; few, so that they are overwritten, appended to and removed many times.
const KEYS: u64 = 300;

type Data = BTreeMap<String, Vec<u8>>;

/// A write that is acknowledged as one.
#[derive(Clone, Debug)]
enum Write {
    Set(String, Vec<u8>),
    Append(String, Vec<u8>),
    Delete(String),
    Increment(String),
    /// MULTI, two increments, EXEC: both or none.
    IncrementBoth(String, String),
}

impl Write {
    fn random(random: &mut Random) -> Self {
        let key = format!("key:{}", random.below(KEYS));
        let counter = format!("counter:{}", random.below(10));
        match random.below(20) {
            0..9 => Self::Set(key, bytes(random)),
            9..12 => Self::Append(key, vec![b'+'; random.below(20) as usize]),
            12..14 => Self::Delete(key),
            14..17 => Self::Increment(counter),
            _ => Self::IncrementBoth(counter, "total".into()),
        }
    }

    /// Appends its commands and returns how many answers they get.
    fn encode(&self, out: &mut Vec<u8>) -> usize {
        match self {
            Self::Set(key, value) => append_command(out, &[b"SET", key.as_bytes(), value]),
            Self::Append(key, value) => append_command(out, &[b"APPEND", key.as_bytes(), value]),
            Self::Delete(key) => append_command(out, &["DEL", key]),
            Self::Increment(key) => append_command(out, &["INCR", key]),
            Self::IncrementBoth(one, two) => {
                append_command(out, &["MULTI"]);
                append_command(out, &["INCR", one]);
                append_command(out, &["INCR", two]);
                append_command(out, &["EXEC"]);
                return 4;
            }
        }
        1
    }

    /// Does to the model what the server does, and tells which keys it touched.
    fn apply(&self, data: &mut Data) -> Vec<String> {
        let increment = |data: &mut Data, key: &String| {
            let number = data.get(key).map_or(0, |text| {
                let text = std::str::from_utf8(text).expect("counters are text");
                text.parse::<u64>().expect("and numbers")
            });
            data.insert(key.clone(), (number + 1).to_string().into());
        };
        match self {
            Self::Set(key, value) => {
                data.insert(key.clone(), value.clone());
            }
            Self::Append(key, value) => {
                // Appending nothing to a missing key makes an empty one.
                data.entry(key.clone())
                    .or_default()
                    .extend_from_slice(value);
            }
            Self::Delete(key) => {
                data.remove(key);
            }
            Self::Increment(key) => increment(data, key),
            Self::IncrementBoth(one, two) => {
                increment(data, one);
                increment(data, two);
                return vec![one.clone(), two.clone()];
            }
        }
        match self {
            Self::Set(key, _) | Self::Append(key, _) | Self::Delete(key) | Self::Increment(key) => {
                vec![key.clone()]
            }
            Self::IncrementBoth(..) => unreachable!("it has returned"),
        }
    }
}

/// Mostly short, now and then longer than a socket's buffer.
fn bytes(random: &mut Random) -> Vec<u8> {
    let len = match random.below(200) {
        0 => random.below(300_000),
        1..20 => random.below(4_000),
        _ => random.below(60),
    };
    let first = random.draw();
    (0..len)
        .map(|n| (first.wrapping_add(n * n) >> 3) as u8)
        .collect()
}

/// What the client knows when the server has died.
struct Journal {
    /// The data after all acknowledged writes.
    acknowledged: Data,
    /// Writes sent and not acknowledged, in order.
    sent: Vec<Write>,
    count: u64,
}

/// Writes pipelines of mixed length until the server dies.
fn write_until_death(
    client: &mut Client,
    random: &mut Random,
    data: Data,
    acknowledged_count: &AtomicU64,
) -> Journal {
    let mut journal = Journal {
        acknowledged: data,
        sent: Vec::new(),
        count: 0,
    };
    loop {
        let len = match random.below(4) {
            0 => 1,
            1 => 200,
            _ => 1 + random.below(30),
        };
        journal.sent = (0..len).map(|_| Write::random(random)).collect();
        let mut out = Vec::new();
        let answers: Vec<usize> = journal
            .sent
            .iter()
            .map(|write| write.encode(&mut out))
            .collect();
        let background = match random.below(60) {
            0 => Some("BGREWRITEAOF"),
            1 => Some("BGSAVE"),
            _ => None,
        };
        if let Some(command) = background {
            append_command(&mut out, &[command]);
        }
        if client.send_raw(&out).is_err() {
            // A part may have arrived, and answers to it may be on their way; we do not look.
            return journal;
        }
        for (index, answers) in answers.into_iter().enumerate() {
            for _ in 0..answers {
                match client.read() {
                    Ok(Reply::Error(error)) => panic!("{:?}: {error}", journal.sent[index]),
                    Ok(_) => {}
                    Err(_) => {
                        journal.sent.drain(..index);
                        return journal;
                    }
                }
            }
            journal.sent[index].apply(&mut journal.acknowledged);
            journal.count += 1;
            acknowledged_count.fetch_add(1, Ordering::Relaxed);
        }
        journal.sent.clear();
        // It may refuse, if one is running already.
        if background.is_some() && client.read().is_err() {
            return journal;
        }
    }
}

/// Everything the server holds.
fn read_all(client: &mut Client) -> Data {
    let Reply::Array(Some(keys)) = client.call(&["KEYS", "*"]) else {
        panic!("KEYS answers with an array");
    };
    keys.into_iter()
        .map(|key| {
            let Reply::Bulk(Some(key)) = key else {
                panic!("keys are strings: {key:?}");
            };
            let Reply::Bulk(Some(value)) = client.call(&[b"GET", key.as_slice()]) else {
                panic!("a listed key has a value");
            };
            (String::from_utf8(key).expect("ours are text"), value)
        })
        .collect()
}

/// Finds how many of the unacknowledged writes are in what came back.
fn check_prefix(journal: &Journal, recovered: &Data) -> Option<usize> {
    let mut model = journal.acknowledged.clone();
    let mut different: std::collections::BTreeSet<String> = model
        .keys()
        .chain(recovered.keys())
        .filter(|key| model.get(*key) != recovered.get(*key))
        .cloned()
        .collect();
    for taken in 0..=journal.sent.len() {
        if different.is_empty() {
            return Some(taken);
        }
        if let Some(write) = journal.sent.get(taken) {
            for key in write.apply(&mut model) {
                if model.get(&key) == recovered.get(&key) {
                    different.remove(&key);
                } else {
                    different.insert(key);
                }
            }
        }
    }
    None
}

fn survives_kills(policy: &str, seed: u64) {
    let crashes = CRASHES[usize::from(long())];
    let mut proof = Proof::of(
        5,
        &format!("kill -9 of the real server under load, appendfsync {policy}"),
        "P, A, F: all that was acknowledged is there",
    );
    let dir = tempfile::tempdir().expect("a directory");
    let mut random = Random(seed);
    let mut data = Data::new();
    let (mut sum, mut beyond) = (0, 0);
    for crash in 1..=crashes {
        let mut server = Server::start(
            &program("lastsave-server"),
            dir.path(),
            &["--appendonly", "yes", "--appendfsync", policy],
        );
        let mut client = server.connect();
        let found = read_all(&mut client);
        assert_eq!(found.len(), data.len(), "a second start finds the same");

        let acknowledged = Arc::new(AtomicU64::new(0));
        let delay = Duration::from_micros(random.below(150_000));
        let killer = std::thread::spawn({
            let acknowledged = acknowledged.clone();
            move || {
                while acknowledged.load(Ordering::Relaxed) == 0 {
                    std::thread::yield_now();
                }
                std::thread::sleep(delay);
                server.kill();
                server
            }
        });
        let journal = write_until_death(&mut client, &mut random, data, &acknowledged);
        drop(killer.join().expect("the killer does not fail"));
        assert!(journal.count > 0, "nothing was acknowledged");

        let mut server = Server::start(
            &program("lastsave-server"),
            dir.path(),
            &["--appendonly", "yes", "--appendfsync", policy],
        );
        let recovered = read_all(&mut server.connect());
        proof.case();
        let Some(taken) = check_prefix(&journal, &recovered) else {
            proof.violation(format!(
                "seed {seed}, crash {crash}, after {delay:?}: what came back is no prefix that holds all {} acknowledged writes\n{}",
                journal.count,
                server.log_text()
            ));
            break;
        };
        sum += journal.count;
        beyond += taken;
        data = recovered;
        server.kill();
    }
    println!("{policy}: {crashes} kills, {sum} writes acknowledged; {beyond} more had arrived");
    proof.finish();
}

#[test]
fn case_05_nothing_acknowledged_is_lost_under_always() {
    survives_kills("always", 1);
}

#[test]
fn case_05_nothing_acknowledged_is_lost_under_everysec() {
    survives_kills("everysec", 2);
}

#[test]
fn case_05_nothing_acknowledged_is_lost_under_no() {
    survives_kills("no", 3);
}
