//! Random command programs on Lastsave and on redis-server 7.0.15: the same answers, the same events, the same data
//! and the same log.
//!
//! A program is some hundred commands over few keys and few values, from the hints in our own table of commands, so
//! that elements meet again, types clash, encodings change, keys expire, and what is malformed is refused. Both servers
//! get it on a connection each. A program ends where the two differ, and is made as short as it can be while they do.
//!
//! What differs on purpose is in docs/differences.md: a BITFIELD whose OVERFLOW FAIL leaves it nothing to store is logged
//! here if it made room.
//!
//! Not compared is what Redis leaves to chance (orders of hash tables, random picks: only how many) or to the clock
//! (times to within seconds; IDs that a stream makes of the time are not asked for).
//!
//! `LASTSAVE_LONG=1` runs a million commands; `LASTSAVE_SEED=n` begins with another program; `LASTSAVE_WITHOUT=a,b`
//! leaves commands out, to see what else differs.

mod compare;
mod grammar;
mod pools;
mod shrink;
mod side;
mod state;
mod value;

use std::time::Duration;

use lastsave_keyspace::Group;
use lastsave_tests::native::{Random, program as program_path, redis};

use compare::Comparison;
use grammar::Rule;
use side::Side;
use value::Value;

/// The words of a request.
pub(crate) type Words = Vec<Vec<u8>>;

pub(crate) fn words(texts: &[&str]) -> Words {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Commands in a program.
const PROGRAM_LEN: usize = 400;

/// Commands in a normal run, and in a long one.
const COMMANDS: (usize, usize) = (50_000, 1_000_000);

/// Commands that are sent at once.
const BATCH_LEN: usize = 25;

/// How long a key has left that is to expire: long enough for a busy machine to obey in time.
const EXPIRES_MS: u64 = 8;

/// How many differences are looked for before the test gives up.
const MAX_DIFFERENCES: usize = 12;

/// One step of a program.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Command(Words),
    /// The key's time comes before the next step.
    Expire(Vec<u8>),
    /// What redis-server dumps of a key is restored under another, perhaps with a byte changed.
    Restore {
        from: Vec<u8>,
        to: Vec<u8>,
        replaces: bool,
        spoiled: Option<(usize, u8)>,
    },
}

impl Step {
    fn is_command(&self) -> bool {
        matches!(self, Self::Command(_))
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Command(words) => f.write_str(&shown(words)),
            Self::Expire(key) => write!(f, "(expire {})", key.escape_ascii()),
            Self::Restore {
                from,
                to,
                replaces,
                spoiled,
            } => write!(
                f,
                "(restore {} as {}, replacing {replaces}, spoiled {spoiled:?})",
                from.escape_ascii(),
                to.escape_ascii()
            ),
        }
    }
}

fn shown(words: &Words) -> String {
    let quoted = |word: &Vec<u8>| {
        let text = word.escape_ascii().to_string();
        if text.is_empty() || text.contains([' ', '\\']) {
            format!("\"{text}\"")
        } else {
            text
        }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// What both servers are set to before a program, and the program.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    settings: Vec<Words>,
    steps: Vec<Step>,
}

impl Program {
    fn new(rules: &[Rule], seed: u64) -> Self {
        const GROUPS: [Group; 10] = [
            Group::String,
            Group::List,
            Group::Hash,
            Group::Set,
            Group::SortedSet,
            Group::Stream,
            Group::HyperLogLog,
            Group::Bitmap,
            Group::Geo,
            Group::Generic,
        ];
        let mut random = Random(seed);
        let one = |random: &mut Random| GROUPS[random.below(GROUPS.len() as u64) as usize];
        let focus = match random.below(4) {
            0 => GROUPS.to_vec(),
            _ => vec![one(&mut random), one(&mut random), Group::Generic],
        };
        let settings = settings(&mut random);
        let mut steps = Vec::new();
        while steps.len() < PROGRAM_LEN {
            grammar::steps(rules, &focus, &mut random, &mut steps);
        }
        Self { settings, steps }
    }
}

/// Small limits, so that values outgrow them.
fn settings(random: &mut Random) -> Vec<Words> {
    const CHOICES: [(&str, &[&str]); 9] = [
        (
            "list-max-listpack-size",
            &["-2", "-1", "1", "3", "5", "128"],
        ),
        ("list-compress-depth", &["0", "0", "1"]),
        ("hash-max-listpack-entries", &["512", "4", "8"]),
        ("hash-max-listpack-value", &["64", "8"]),
        ("set-max-intset-entries", &["512", "4"]),
        ("zset-max-listpack-entries", &["128", "4", "0"]),
        ("zset-max-listpack-value", &["64", "8"]),
        ("stream-node-max-entries", &["100", "3"]),
        ("hll-sparse-max-bytes", &["3000", "60"]),
    ];
    let mut all: Vec<Words> = CHOICES
        .iter()
        .map(|(name, values)| {
            let value = values[random.below(values.len() as u64) as usize];
            words(&["CONFIG", "SET", name, value])
        })
        .collect();
    let protocol = if random.below(3) == 0 { "3" } else { "2" };
    all.push(words(&["HELLO", protocol]));
    all
}

/// Both servers.
pub(crate) struct Pair {
    ours: Side,
    redis: Side,
}

/// Where and how the two differ.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    /// The step; `None`: what was left behind at the end.
    at: Option<usize>,
    text: String,
}

impl Pair {
    fn start() -> Self {
        Self {
            ours: Side::start(&program_path("lastsave-server")),
            redis: Side::start(&redis("redis-server")),
        }
    }

    fn both(&mut self, requests: &[Words]) -> Vec<(Value, Value)> {
        self.ours.send_all(requests);
        let redis = self.redis.call_all(requests);
        let ours = self.ours.read_all(requests.len());
        ours.into_iter().zip(redis).collect()
    }

    /// Runs a program on empty servers.
    pub(crate) fn run(&mut self, program: &Program) -> Option<Difference> {
        let difference = self.run_to_difference(program);
        let in_step = words(&["ECHO", "in step"]);
        let (ours, redis) = self.both(&[in_step]).remove(0);
        if ours == redis {
            return difference;
        }
        for side in [&mut self.ours, &mut self.redis] {
            side.reconnect();
        }
        let text = describe(&words(&["(answers out of step)"]), &ours, &redis);
        Some(Difference { at: None, text })
    }

    fn run_to_difference(&mut self, program: &Program) -> Option<Difference> {
        let start = ["DISCARD", "UNWATCH", "FLUSHALL"].map(|name| words(&[name]));
        self.both(&start);
        let select = words(&["SELECT", "0"]);
        self.both(&[std::slice::from_ref(&select), &program.settings[..]].concat());
        for side in [&mut self.ours, &mut self.redis] {
            side.events();
            side.logged();
        }
        let before = (self.ours.counters(), self.redis.counters());
        let mut comparison = Comparison::default();
        let mut at = 0;
        while at < program.steps.len() {
            let rest = &program.steps[at..];
            let commands = rest
                .iter()
                .take(BATCH_LEN)
                .take_while(|step| step.is_command())
                .count();
            let found = match &rest[0] {
                Step::Command(_) => self.run_commands(&rest[..commands], &mut comparison),
                step => self.run_step(step, &mut comparison).map(|text| (0, text)),
            };
            if let Some((offset, text)) = found {
                return Some(Difference {
                    at: Some(at + offset),
                    text,
                });
            }
            at += commands.max(1);
        }
        self.both(&[words(&["DISCARD"])]);
        let fails = |step: &Step| matches!(step, Step::Command(words) if compare::is_failing_bitfield(words));
        let counts = !program.steps.iter().any(fails);
        let text = self.difference_left_behind(&before, counts)?;
        Some(Difference { at: None, text })
    }

    fn run_commands(
        &mut self,
        steps: &[Step],
        comparison: &mut Comparison,
    ) -> Option<(usize, String)> {
        let commands = steps.iter().filter_map(|step| match step {
            Step::Command(words) => Some(words.clone()),
            _ => None,
        });
        let requests: Vec<Words> = commands.collect();
        let answers = self.both(&requests);
        let mut each = requests.iter().zip(answers).enumerate();
        each.find_map(|(at, (request, (ours, redis)))| {
            (!comparison.is_same(request, &ours, &redis))
                .then(|| (at, describe(request, &ours, &redis)))
        })
    }

    fn run_step(&mut self, step: &Step, comparison: &mut Comparison) -> Option<String> {
        let request = match step {
            Step::Command(words) => words.clone(),
            Step::Expire(key) => vec![
                b"PEXPIRE".to_vec(),
                key.clone(),
                EXPIRES_MS.to_string().into_bytes(),
            ],
            Step::Restore {
                from,
                to,
                replaces,
                spoiled,
            } => {
                let dump = vec![b"DUMP".to_vec(), from.clone()];
                let (ours, redis) = self.both(std::slice::from_ref(&dump)).remove(0);
                if !comparison.is_same(&dump, &ours, &redis) {
                    return Some(describe(&dump, &ours, &redis));
                }
                let mut payload = redis.text().to_vec();
                if let (Some((at, byte)), false) = (spoiled, payload.is_empty()) {
                    let at = at % payload.len();
                    payload[at] ^= byte;
                }
                let mut request = vec![b"RESTORE".to_vec(), to.clone(), b"0".to_vec(), payload];
                if *replaces {
                    request.push(b"REPLACE".to_vec());
                }
                request
            }
        };
        let (ours, redis) = self.both(std::slice::from_ref(&request)).remove(0);
        if matches!(step, Step::Expire(_)) {
            std::thread::sleep(Duration::from_millis(EXPIRES_MS + 4));
        }
        (!comparison.is_same(&request, &ours, &redis)).then(|| describe(&request, &ours, &redis))
    }

    /// Events, logs, counters and data.
    fn difference_left_behind(
        &mut self,
        before: &(Counters, Counters),
        counts: bool,
    ) -> Option<String> {
        let (our_events, our_misses) = compare::told_apart(self.ours.events());
        let (redis_events, redis_misses) = compare::told_apart(self.redis.events());
        let (events, misses) = ((our_events, redis_events), (our_misses, redis_misses));
        let logs = [self.ours.logged(), self.redis.logged()].map(compare::in_fixed_order);
        let [our_log, redis_log] = &logs;
        let counters = (
            grown(&before.0, &self.ours.counters()),
            grown(&before.1, &self.redis.counters()),
        );
        let states = (state::of(&mut self.ours), state::of(&mut self.redis));
        // Looking has its own effects.
        for side in [&mut self.ours, &mut self.redis] {
            side.events();
            side.logged();
        }
        let event = |(channel, text): &(Vec<u8>, Vec<u8>)| {
            format!("{} {}", channel.escape_ascii(), text.escape_ascii())
        };
        state::difference(&states.0, &states.1)
            .or_else(|| first_unlike("log", our_log, redis_log, compare::is_same_log_entry, shown))
            .or_else(|| first_unlike("events", &events.0, &events.1, PartialEq::eq, event))
            .or_else(|| first_unlike("misses", &misses.0, &misses.1, PartialEq::eq, event))
            .or_else(|| {
                (counts && counters.0 != counters.1).then(|| {
                    format!(
                        "counters\n  ours  {:?}\n  redis {:?}",
                        counters.0, counters.1
                    )
                })
            })
    }
}

type Counters = Vec<(&'static str, i64)>;

fn grown(before: &Counters, after: &Counters) -> Counters {
    before
        .iter()
        .zip(after)
        .map(|(before, after)| (before.0, after.1 - before.1))
        .collect()
}

fn first_unlike<T>(
    what: &str,
    ours: &[T],
    redis: &[T],
    is_same: impl Fn(&T, &T) -> bool,
    show: impl Fn(&T) -> String,
) -> Option<String> {
    let at = (0..ours.len().max(redis.len())).find(|at| match (ours.get(*at), redis.get(*at)) {
        (Some(ours), Some(redis)) => !is_same(ours, redis),
        _ => true,
    })?;
    let shown = |list: &[T]| list.get(at).map_or("(nothing)".to_owned(), &show);
    Some(format!(
        "{what}, number {at}\n  ours  {}\n  redis {}",
        shown(ours),
        shown(redis)
    ))
}

fn describe(request: &Words, ours: &Value, redis: &Value) -> String {
    let (ours, redis) = (shortened(ours), shortened(redis));
    format!("{}\n  ours  {ours}\n  redis {redis}", shown(request))
}

fn shortened(answer: &Value) -> String {
    const LONGEST: usize = 800;
    let mut text = format!("{answer:?}");
    text.truncate(text.floor_char_boundary(LONGEST));
    text
}

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[test]
fn random_programs() {
    let long = setting("LASTSAVE_LONG").is_some();
    let commands = if long { COMMANDS.1 } else { COMMANDS.0 };
    let first_seed: u64 =
        setting("LASTSAVE_SEED").map_or(1, |seed| seed.parse().expect("a number"));
    let without = setting("LASTSAVE_WITHOUT").unwrap_or_default();
    let rules = grammar::rules(&without.split(',').collect::<Vec<_>>());
    let mut pair = Pair::start();
    let mut report = Vec::new();
    for seed in (first_seed..).take(commands / PROGRAM_LEN) {
        let program = Program::new(&rules, seed);
        // A difference that does not come again is one of clocks.
        if pair.run(&program).is_some()
            && let Some(difference) = pair.run(&program)
        {
            report.push(format!(
                "seed {seed}: {}",
                shrink::shortest(&mut pair, program, difference)
            ));
            println!("{}\n", report[report.len() - 1]);
        }
        if report.len() == MAX_DIFFERENCES {
            break;
        }
    }
    assert!(report.is_empty(), "{} programs differ", report.len());
}
