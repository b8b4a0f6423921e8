//! From a key to its bytes: where it is written, in the files that a server would load.

use std::io::BufReader;

use lastsave_aof::{Entry, Manifest, Reader};
use lastsave_inspect::{Inspector, Limits, NodeKind};

use super::World;
use super::annotate::key_of;
use super::landmarks::Source;
use crate::reply::unescaped;
use crate::{KeyName, KeyPlace};

/// Places that are kept: the newest.
const MAX_PLACES: usize = 100;

impl World {
    /// The places where a key is written, in the order in which a server meets them, snapshots outside the log first.
    pub(super) fn places_of(&self, key: &KeyName) -> Vec<KeyPlace> {
        let Some(name) = unescaped(&key.name) else {
            return Vec::new();
        };
        let mut places = Vec::new();
        for (path, len) in self.data_files() {
            let mut first = [0];
            let is_snapshot = self.disk.read_some(&path, 0, &mut first).is_ok() && first == *b"R";
            match is_snapshot {
                true => self.places_in_snapshot(&path, len, key.db, &name, &mut places),
                false => self.places_in_log(&path, key.db, &name, &mut places),
            }
        }
        places.drain(..places.len().saturating_sub(MAX_PLACES));
        places
    }

    /// Snapshots outside of logs, then the files of logs as their manifests have them, with their lengths.
    fn data_files(&self) -> Vec<(String, u64)> {
        let files = self.disk.files();
        let mut ordered: Vec<(String, u64)> = files
            .iter()
            .filter(|file| !file.path.contains('/') && file.path.ends_with(".rdb"))
            .map(|file| (file.path.clone(), file.len))
            .collect();
        for manifest in files.iter().filter(|file| file.path.ends_with(".manifest")) {
            let dir = manifest.path.rsplit_once('/').map_or("", |(dir, _)| dir);
            let bytes = self.disk.read(&manifest.path).unwrap_or_default();
            let Ok(parsed) = Manifest::parse(&bytes) else {
                continue;
            };
            for info in parsed.files() {
                let path = format!("{dir}/{}", info.name);
                if let Some(file) = files.iter().find(|file| file.path == path) {
                    ordered.push((path, file.len));
                }
            }
        }
        ordered
    }

    fn places_in_log(&self, path: &str, db: usize, name: &[u8], places: &mut Vec<KeyPlace>) {
        let source = Source {
            disk: &self.disk,
            path,
            offset: 0,
        };
        let mut reader = Reader::new(Vec::new(), BufReader::with_capacity(64 << 10, source), 0);
        let mut selected = 0;
        loop {
            let start = reader.offset();
            let Ok(Some(entry)) = reader.next_entry() else {
                return;
            };
            let Entry::Command(args) = entry else {
                continue;
            };
            if args[0].eq_ignore_ascii_case(b"select") && args.len() == 2 {
                let digits = std::str::from_utf8(&args[1]).ok();
                selected = digits
                    .and_then(|digits| digits.parse().ok())
                    .unwrap_or(selected);
            }
            // Most commands name other keys: looking for the bytes is cheaper than looking the command up.
            let may_name = selected == db && (1..args.len()).any(|index| &args[index] == name);
            if may_name && key_of(args).is_some_and(|key| key == name) {
                let end = start + args.source().len() as u64;
                places.push(KeyPlace {
                    path: path.to_owned(),
                    start,
                    end,
                });
            }
        }
    }

    fn places_in_snapshot(
        &self,
        path: &str,
        len: u64,
        db: usize,
        name: &[u8],
        places: &mut Vec<KeyPlace>,
    ) {
        let source = Source {
            disk: &self.disk,
            path,
            offset: 0,
        };
        let mut pattern = Vec::with_capacity(name.len());
        for byte in name {
            if b"*?[]\\^-".contains(byte) {
                pattern.push(b'\\');
            }
            pattern.push(*byte);
        }
        let limits = Limits {
            depth: 0,
            keys: Some(pattern),
            ..Limits::default()
        };
        let source = BufReader::with_capacity(64 << 10, source);
        let mut inspector = Inspector::new(source, path, Some(len), limits);
        while let Some(node) = inspector.next_node() {
            if node.kind == NodeKind::Key && inspector.database() as usize == db {
                places.push(KeyPlace {
                    path: path.to_owned(),
                    start: node.range.start,
                    end: node.range.end,
                });
            }
        }
    }
}
