//! Configurations worth comparing: the article's three, and the plain ones between them.

/// A configuration with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its name in menus and tables: `Hybrid`.
    pub name: &'static str,
    /// The word for it on a command line: `hybrid`.
    pub word: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// The text of redis.conf, which Redis accepts as it stands: no comments behind directives.
    pub conf: &'static str,
}

/// The article's first configuration.
const FIRST: &str = "\
save 900 1
save 300 10
save 60 10000
";

/// The article's second configuration.
const HYBRID: &str = "\
# RDB
save 3600 1
save 300 100
save 60 1000

# AOF
appendonly yes
appendfilename \"appendonly.aof\"
appendfsync everysec
no-appendfsync-on-rewrite no
auto-aof-rewrite-percentage 100
auto-aof-rewrite-min-size 64mb

aof-timestamp-enabled yes
rdb-save-incremental-fsync yes
";

/// The article's third configuration.
const ENTERPRISE: &str = "\
# RDB
save 7200 1
save 900 1000
save 300 10000
save 60 100000

# AOF
appendonly yes
appendfsync everysec
no-appendfsync-on-rewrite yes
auto-aof-rewrite-percentage 50
auto-aof-rewrite-min-size 1gb

rdb-save-incremental-fsync yes
aof-rewrite-incremental-fsync yes
aof-timestamp-enabled yes
";

/// Every preset, in the order of a menu.
pub const PRESETS: [Preset; 8] = [
    Preset {
        name: "The article’s first",
        word: "first",
        about: "Three save points and no append-only file: what a crash takes is what came since the last save.",
        conf: FIRST,
    },
    Preset {
        name: "The article’s hybrid",
        word: "hybrid",
        about: "Save points, and an append-only file that is synced every second.",
        conf: HYBRID,
    },
    Preset {
        name: "The article’s enterprise",
        word: "enterprise",
        about: "Rarer saves, an append-only file that is rewritten from 1 GB on and not synced meanwhile.",
        conf: ENTERPRISE,
    },
    Preset {
        name: "AOF always",
        word: "always",
        about: "An append-only file alone, synced before every reply: nothing acknowledged is lost, and every write waits for the disk.",
        conf: "save \"\"\nappendonly yes\nappendfsync always\n",
    },
    Preset {
        name: "AOF everysec",
        word: "everysec",
        about: "An append-only file alone, synced every second.",
        conf: "save \"\"\nappendonly yes\nappendfsync everysec\n",
    },
    Preset {
        name: "AOF no",
        word: "no",
        about: "An append-only file alone, which nobody syncs: every 5 s the kernel stores what was written over 30 s ago.",
        conf: "save \"\"\nappendonly yes\nappendfsync no\n",
    },
    Preset {
        name: "RDB only",
        word: "rdb",
        about: "Redis’s own defaults: save points of an hour, five minutes and one, no append-only file.",
        conf: "save 3600 1 300 100 60 10000\nappendonly no\n",
    },
    Preset {
        name: "No persistence",
        word: "none",
        about: "A cache: neither saves nor an append-only file; a restart finds nothing.",
        conf: "save \"\"\nappendonly no\n",
    },
];

impl Preset {
    /// The preset of this word.
    pub fn find(word: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.word == word)
    }

    /// The same configuration as one command line: `redis-server --save 900 1 …`.
    pub fn command_line(&self) -> String {
        command_line(self.conf)
    }
}

/// A configuration file as the command line that starts the same server.
pub fn command_line(conf: &str) -> String {
    let directives = conf
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    directives.fold("redis-server".to_owned(), |line, directive| {
        line + " --" + directive
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shell;

    #[test]
    fn every_preset_starts_a_server_either_way_and_alike() {
        for preset in &PRESETS {
            let configured = |lines: &[&str]| {
                let mut shell = Shell::new(1);
                lines.iter().for_each(|line| shell.enter(line));
                shell.run(u64::MAX);
                let engine = shell.world().engine().expect(preset.name);
                let config = engine.config();
                (config.save.clone(), config.appendonly, config.appendfsync)
            };
            let file = format!("cat > redis.conf <<'EOF'\n{}EOF", preset.conf);
            let by_file = configured(&[&file, "redis-server redis.conf"]);
            let by_line = configured(&[&preset.command_line()]);
            assert_eq!(by_file, by_line, "{}", preset.name);
        }
    }
}
