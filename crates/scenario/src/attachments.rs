//! Files too large to travel in a line: a line names them by their checksum, and their bytes are kept beside the scenario.

use std::collections::BTreeMap;
use std::sync::Arc;

use lastsave_rdb::crc64;

/// Files by their CRC-64 and length. A clone shares the bytes.
#[derive(Clone, Debug, Default)]
pub struct Attachments {
    files: BTreeMap<(u64, u64), Arc<[u8]>>,
}

impl Attachments {
    /// Adds a file and returns its checksum.
    pub fn add(&mut self, bytes: Arc<[u8]>) -> u64 {
        let sum = crc64(&bytes);
        self.files.insert((sum, bytes.len() as u64), bytes);
        sum
    }

    /// The file of this checksum and length.
    pub fn get(&self, sum: u64, len: u64) -> Option<Arc<[u8]>> {
        self.files.get(&(sum, len)).cloned()
    }

    /// Forgets the files that are not among these.
    pub fn retain(&mut self, named: &[(u64, u64)]) {
        self.files.retain(|name, _| named.contains(name));
    }

    /// The checksums and lengths that the lines of a scenario name, each once.
    pub fn named_in<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<(u64, u64)> {
        let mut named = Vec::new();
        for line in lines {
            // The path between may hold anything.
            let mut words = line.trim_end().rsplitn(3, ' ');
            if let (Some(len), Some(sum), Some(start)) = (words.next(), words.next(), words.next())
                && start.trim_start().starts_with("upload ")
                && let Some(sum) = sum.strip_prefix("crc:")
                && let (Ok(sum), Ok(len)) = (u64::from_str_radix(sum, 16), len.parse())
                && !named.contains(&(sum, len))
            {
                named.push((sum, len));
            }
        }
        named
    }
}
