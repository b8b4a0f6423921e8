//! The places of the parameters whose text is neither a plain number, nor a switch, nor the field itself.

use super::super::table::Place;
use super::super::{FsyncPolicy, OutputLimit, SavePoint};
use crate::Level;

const LEVELS: [(&str, Level); 4] = [
    ("debug", Level::Debug),
    ("verbose", Level::Verbose),
    ("notice", Level::Notice),
    ("warning", Level::Warning),
];
const POLICIES: [(&str, FsyncPolicy); 3] = [
    ("everysec", FsyncPolicy::EverySec),
    ("always", FsyncPolicy::Always),
    ("no", FsyncPolicy::No),
];

pub(super) const BIND: Place = Place::Field {
    get: |config| config.bind.join(" "),
    set: |config, text| {
        config.bind = text
            .split(' ')
            .filter(|address| !address.is_empty())
            .map(str::to_owned)
            .collect();
    },
};
pub(super) const UNIXSOCKETPERM: Place = Place::Field {
    get: |config| format!("{:o}", config.unixsocketperm),
    set: |config, text| {
        config.unixsocketperm = u32::from_str_radix(text, 8).expect("an octal number up to 777");
    },
};
pub(super) const LOGLEVEL: Place = Place::Field {
    get: |config| name_of(&LEVELS, config.loglevel).into(),
    set: |config, text| config.loglevel = named(&LEVELS, text),
};
pub(super) const APPENDFSYNC: Place = Place::Field {
    get: |config| name_of(&POLICIES, config.appendfsync).into(),
    set: |config, text| config.appendfsync = named(&POLICIES, text),
};
pub(super) const HZ: Place = Place::Field {
    get: |config| config.hz.to_string(),
    // A hint rather than an order: Redis keeps it between 1 and 500 without complaint.
    set: |config, text| config.hz = text.parse().map_or(500, |hz: u32| hz.clamp(1, 500)),
};
pub(super) const OUTPUT_BUFFER_LIMITS: Place = Place::Field {
    get: |config| {
        let classes = ["normal", "slave", "pubsub"].into_iter();
        let limits = classes.zip(&config.client_output_buffer_limits);
        let limits: Vec<_> = limits
            .map(|(class, limit)| {
                let (hard, soft) = (limit.hard_bytes, limit.soft_bytes);
                format!("{class} {hard} {soft} {}", limit.soft_s)
            })
            .collect();
        limits.join(" ")
    },
    set: |config, text| {
        let numbers: Vec<u64> = text.split(' ').filter_map(|n| n.parse().ok()).collect();
        let limits = config.client_output_buffer_limits.iter_mut();
        for (limit, numbers) in limits.zip(numbers.chunks_exact(3)) {
            *limit = OutputLimit {
                hard_bytes: numbers[0],
                soft_bytes: numbers[1],
                soft_s: numbers[2],
            };
        }
    },
};
pub(super) const MAXMEMORY_CLIENTS: Place = Place::Field {
    get: |config| match config.maxmemory_clients {
        percent @ ..0 => format!("{}%", -percent),
        bytes => bytes.to_string(),
    },
    set: |config, text| {
        let number =
            |text: &str| -> i64 { text.parse().expect("the limits of the kind fit the field") };
        config.maxmemory_clients = match text.strip_suffix('%') {
            Some(percent) => -number(percent),
            None => number(text),
        };
    },
};
pub(super) const NOTIFY_KEYSPACE_EVENTS: Place = Place::Field {
    get: |config| {
        let letters = &config.notify_keyspace_events;
        // Beside `A`, which does not include it, Redis does not show `n`.
        if letters.starts_with('A') {
            letters.replace('n', "")
        } else {
            letters.clone()
        }
    },
    set: |config, text| config.notify_keyspace_events = text.to_owned(),
};
pub(super) const SAVE: Place = Place::Field {
    get: |config| {
        let points = config.save.iter();
        let points: Vec<_> = points
            .map(|p| format!("{} {}", p.seconds, p.changes))
            .collect();
        points.join(" ")
    },
    set: |config, text| {
        let numbers: Vec<u64> = text.split(' ').filter_map(|n| n.parse().ok()).collect();
        let pairs = numbers.chunks_exact(2);
        config.save = pairs
            .map(|pair| SavePoint {
                seconds: pair[0],
                changes: pair[1],
            })
            .collect();
    },
};

fn name_of<T: Copy + PartialEq>(names: &[(&'static str, T)], value: T) -> &'static str {
    let found = names.iter().find(|(_, of)| *of == value);
    found.expect("every value has a name").0
}

fn named<T: Copy>(names: &[(&'static str, T)], name: &str) -> T {
    let found = names.iter().find(|(of, _)| *of == name);
    found.expect("the kind accepts these names only").1
}
