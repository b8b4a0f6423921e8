//! Time travel over the golden suite: a machine cloned at any moment goes on as its original does, bit by bit.

use std::fs;
use std::path::{Path, PathBuf};

use lastsave_scenario::{Progress, Scenario, Shell};

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % bound
    }
}

fn suite() -> Vec<(String, Scenario)> {
    fn collect(dir: &Path, paths: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).expect("the suite is readable").flatten() {
            let path = entry.path();
            if path.is_dir() {
                collect(&path, paths);
            } else if path.extension().is_some_and(|end| end == "scenario") {
                paths.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("suite"),
        &mut paths,
    );
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a scenario is readable");
            let scenario = Scenario::parse(&text).expect("the suite parses");
            (path.display().to_string(), scenario)
        })
        .collect()
}

/// Trace hash, expectations, and every file with its bytes.
type Seen = (u64, u64, Vec<String>, Vec<(String, Vec<u8>)>);

fn seen(shell: &Shell) -> Seen {
    let world = shell.world();
    let (passed, failures) = shell.expectations();
    let files = world.disk().files().into_iter().map(|file| {
        let bytes = world.disk().read(&file.path).unwrap_or_default();
        (file.path, bytes)
    });
    (
        world.trace_hash(),
        passed,
        failures.to_vec(),
        files.collect(),
    )
}

fn finish(mut shell: Shell) -> Seen {
    while shell.run(50_000) != Progress::Idle {
        shell.take_output();
    }
    seen(&shell)
}

#[test]
fn a_fork_made_at_any_moment_ends_as_its_original_does() {
    /// Forks of each scenario.
    const FORKS: usize = 4;
    let mut random = Random(1);
    for (name, scenario) in suite() {
        let mut shell = Shell::new(scenario.seed);
        for (number, line) in &scenario.lines {
            shell.enter_numbered(*number, line);
        }
        let mut forks = Vec::new();
        // Short runs are forked early and long ones late: slices grow as the run does.
        let mut slice = 1;
        loop {
            if random.below(12) == 0 {
                if forks.len() == FORKS {
                    let replaced = random.below(FORKS as u64) as usize;
                    forks[replaced] = shell.clone();
                } else {
                    forks.push(shell.clone());
                }
            }
            slice = (slice + 1 + slice / 6).min(30_000);
            if shell.run(1 + random.below(slice)) == Progress::Idle {
                break;
            }
            shell.take_output();
        }
        let original = finish(shell);
        for (number, fork) in forks.into_iter().enumerate() {
            assert_eq!(finish(fork), original, "{name}, fork {number}");
        }
    }
}
