//! What surrounds an engine: its configuration, its host, and the bytes of requests and replies.

use lastsave_engine::{Config, Host};
use lastsave_vfs::SimDisk;

use crate::script::Words;

/// The path of the configuration file on the simulated disk.
pub(crate) const CONFIG_PATH: &str = "lastsave.conf";

pub(crate) fn parse(config: &str) -> Config {
    lastsave_engine::config::parse_file(config).expect("the test's configuration is valid")
}

/// Stands for the configuration file on the disk, which CONFIG REWRITE writes.
pub(crate) const FROM_FILE: &str = "as the file says";

/// The text of a configuration.
pub(crate) fn configured(config: &str, disk: &SimDisk) -> String {
    if config != FROM_FILE {
        return config.to_owned();
    }
    let text = disk.read(CONFIG_PATH).expect("the test has put it there");
    String::from_utf8(text).expect("a configuration file is text")
}

pub(crate) fn host(pid: u32) -> Host {
    Host {
        pid,
        config_path: CONFIG_PATH.into(),
        ..Host::default()
    }
}

/// A request as it is sent.
pub(crate) fn wire(words: &Words) -> Vec<u8> {
    let mut bytes = Vec::new();
    let args: lastsave_resp::ArgsBuf = words.iter().collect();
    lastsave_resp::append_request(&mut bytes, args.as_args());
    bytes
}

/// The length of the first whole reply in `bytes`.
pub(crate) fn reply_len(bytes: &[u8]) -> Option<usize> {
    let line_end = bytes.windows(2).position(|pair| pair == b"\r\n")? + 2;
    let number = || {
        std::str::from_utf8(&bytes[1..line_end - 2])
            .ok()?
            .parse::<i64>()
            .ok()
    };
    match bytes[0] {
        b'$' => {
            let len = number().expect("a length");
            let whole = if len < 0 {
                line_end
            } else {
                line_end + len as usize + 2
            };
            (bytes.len() >= whole).then_some(whole)
        }
        b'*' => {
            let mut whole = line_end;
            for _ in 0..number().expect("a length").max(0) {
                whole += reply_len(&bytes[whole..])?;
            }
            Some(whole)
        }
        _ => Some(line_end),
    }
}
