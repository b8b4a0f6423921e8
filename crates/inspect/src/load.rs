//! From files to a data set, through the server itself: what loads here loads there.

use lastsave_engine::config::parse_file;
use lastsave_engine::{Engine, Host, Level, Output};
use lastsave_keyspace::Keyspace;
use lastsave_vfs::SimDisk;

/// Databases that a data set may have.
const DATABASES: usize = 1024;

/// The files of a data set, by their content.
#[derive(Clone, Debug)]
pub enum DataFiles {
    /// One snapshot.
    Snapshot(Vec<u8>),
    /// One file of commands, with or without a snapshot before them.
    Log(Vec<u8>),
    /// The files of a log, with its manifest, by name.
    LogDirectory(Vec<(String, Vec<u8>)>),
}

impl DataFiles {
    /// What a single file is, by its first bytes and its name.
    pub fn of_file(name: &str, bytes: Vec<u8>) -> Self {
        if bytes.starts_with(b"REDIS") && !name.ends_with(".aof") {
            Self::Snapshot(bytes)
        } else {
            Self::Log(bytes)
        }
    }
}

/// Loads a data set as a server does that starts at `now_ms`, in milliseconds since the epoch: at 0 nothing has expired.
///
/// # Errors
/// What the server would say in its log before it gave up.
pub fn load(files: DataFiles, now_ms: u64) -> Result<Keyspace, String> {
    let mut disk = SimDisk::new(None);
    let mut put = |path: &str, bytes: &[u8]| {
        disk.write_file(path, bytes)
            .map_err(|error| error.to_string())
    };
    let appendonly = match files {
        DataFiles::Snapshot(bytes) => {
            put("dump.rdb", &bytes)?;
            "no"
        }
        DataFiles::Log(bytes) => {
            put("appendonlydir/log", &bytes)?;
            put(
                "appendonlydir/appendonly.aof.manifest",
                b"file log seq 1 type i\n",
            )?;
            "yes"
        }
        DataFiles::LogDirectory(files) => {
            let mut manifests = 0;
            for (name, bytes) in &files {
                let is_manifest = name.ends_with(".manifest") && !name.starts_with("temp-");
                manifests += usize::from(is_manifest);
                let name = if is_manifest {
                    "appendonly.aof.manifest"
                } else {
                    name
                };
                put(&format!("appendonlydir/{name}"), bytes)?;
            }
            match manifests {
                1 => "yes",
                0 => return Err("there is no manifest".into()),
                _ => return Err("there is more than one manifest".into()),
            }
        }
    };
    let text = format!("appendonly {appendonly}\nsave \"\"\ndatabases {DATABASES}\n");
    let config = parse_file(&text).map_err(|error| error.to_string())?;
    let host = Host {
        pid: 1,
        config_path: String::new(),
        executable: String::new(),
        run_id: "0".repeat(40),
        os: String::new(),
    };
    let now_us = now_ms.saturating_mul(1000);
    let mut engine = Engine::new(config, host, 0);
    engine.start(now_us, &mut disk, &mut |_, _| now_us);
    let mut warnings = Vec::new();
    while let Some(output) = engine.poll_output() {
        match output {
            Output::Log(Level::Warning, line) => warnings.push(line),
            Output::Exit(..) => {
                return Err(match warnings.pop() {
                    Some(last) => last.trim().to_owned(),
                    None => "the server refuses it".into(),
                });
            }
            _ => {}
        }
    }
    Ok(engine.into_keyspace())
}
