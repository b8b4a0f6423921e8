//! `redis-cli --rdb`: the server's data as a snapshot.

use lastsave_dict::{Object as _, Record, ValueRef};
use lastsave_keyspace::Object;
use lastsave_rdb::{Aux, Encoder, EncoderOptions};

use super::super::{Io, Shell, Style};

impl Shell {
    /// `redis-cli --rdb FILE`: the server's data as a snapshot, into a file or, for `-`, to the output.
    pub(super) fn export_rdb(&mut self, io: &mut Io, port: u16, path: &str) -> i32 {
        let Some(engine) = self
            .world
            .engine()
            .filter(|engine| engine.config().port == port)
        else {
            return self.refuse_connection(port);
        };
        let bytes = encode(engine, self.world.now_us());
        for line in [
            "sending REPLCONF capa eof",
            "sending REPLCONF rdb-only 1",
            &format!(
                "SYNC sent to master, writing bytes of bulk transfer until EOF marker to '{path}'"
            ),
        ] {
            self.note(Style::Plain, line);
        }
        if path == "-" {
            self.print(io, Style::Plain, &bytes);
            if io.piped.is_none() {
                self.note(Style::Plain, "");
            }
        } else if let Err(error) = self.write_file(path, &bytes, false) {
            self.complain(&format!("Error opening '{path}': {error}"));
            return 1;
        } else {
            let path = self.resolve(path);
            self.world.file_is_snapshot(&path);
        }
        let text = format!("Transfer finished with success after {} bytes", bytes.len());
        self.note(Style::Plain, &text);
        if io.stdin.take().is_some() {
            self.note(
                Style::Warning,
                "--rdb only exports: what came by `<` was not read, and nothing was imported. To load a dump.rdb, put it in the server's directory and start the server (with appendonly no).",
            );
        }
        0
    }
}

/// The server's data as a snapshot.
fn encode(engine: &lastsave_engine::Engine, now_us: u64) -> Vec<u8> {
    let options = EncoderOptions {
        compression: engine.config().rdbcompression,
        checksum: engine.config().rdbchecksum,
        usage: None,
    };
    let aux = Aux {
        version: lastsave_engine::REDIS_VERSION,
        created_at_s: now_us / 1_000_000,
        used_memory: engine.status().used_memory,
        aof_base: false,
    };
    let mut encoder = Encoder::new(options, &aux);
    for (db, database) in engine.keyspace().databases.iter().enumerate() {
        let keys = &database.keys;
        if keys.is_empty() {
            continue;
        }
        encoder.database(db, keys.len() as u64, keys.expiring_len() as u64);
        for entry in keys.iter() {
            let frozen: Object;
            let value = match entry.value() {
                ValueRef::Integer(number) => ValueRef::Integer(number),
                ValueRef::Bytes(bytes) => ValueRef::Bytes(bytes),
                ValueRef::Object(object) => {
                    frozen = object.freeze();
                    ValueRef::Object(&frozen)
                }
            };
            encoder.record(
                db,
                &Record {
                    key: entry.key(),
                    value,
                    expires_at_ms: entry.expires_at_ms(),
                    tag: entry.tag(),
                },
            );
        }
    }
    encoder.finish();
    encoder.take(Vec::new())
}
