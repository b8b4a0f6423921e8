//! Comparing configurations: the same workload under each, the same crash, a restart, and what it came to.
//!
//! A scenario becomes one scenario for each configuration:
//!
//! - the configuration is written to `compare.conf`, and every line that begins with `redis-server` starts with that file
//!   and nothing else;
//! - lines that configure the server while it runs (CONFIG SET, CONFIG REWRITE), expectations and crashes armed for a disk
//!   operation are left out;
//! - everything up to the first crash stays: the seed, the workload, the times, the faults. What follows is replaced by a
//!   restart. A scenario that does not crash loses its power at the end.
//!
//! A server that a line starts behind something else (`… && redis-server`, `sudo redis-server`) cannot be replaced; the
//! scenario is refused and the line named.

use serde::{Deserialize, Serialize};

use crate::{Measures, Preset, Progress, Scenario, Shell};

/// A configuration to compare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its name, at the head of its column.
    pub name: String,
    /// The text of redis.conf.
    pub conf: String,
}

impl From<&Preset> for Candidate {
    fn from(preset: &Preset) -> Self {
        Self {
            name: preset.name.into(),
            conf: preset.conf.into(),
        }
    }
}

/// At most so many configurations are compared at once.
pub const MOST_CANDIDATES: usize = 6;

/// What one configuration came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The configuration's name.
    pub name: String,
    /// Why there are no figures: the server did not start, in its own words.
    pub failure: Option<String>,
    /// Writes acknowledged before the crash.
    pub acknowledged: u64,
    /// Of those, the ones that did not come back.
    pub lost: u64,
    /// How long before the crash the oldest of those was acknowledged, in milliseconds.
    pub oldest_lost_ms: u64,
    /// How long the restart took, in simulated milliseconds.
    pub recovery_ms: u64,
    /// The size of the snapshot at the crash, in bytes.
    pub rdb_bytes: u64,
    /// The size of all append-only files at the crash, in bytes.
    pub aof_bytes: u64,
    /// What the run cost up to the crash.
    pub measures: Measures,
    /// Requests of the workload answered with an error.
    pub errors: u64,
}

/// How far a comparison is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompareProgress {
    /// Whether it is done.
    pub done: bool,
    /// How much of it is, 0 to 1.
    pub fraction: f64,
}

/// A comparison under way. See the module's documentation.
pub struct Compare {
    title: String,
    seed: u64,
    candidates: Vec<Candidate>,
    plan: Plan,
    columns: Vec<Column>,
    /// The run under way.
    run: Option<Run>,
}

/// The scenario's lines without its configuration.
struct Plan {
    before: Vec<String>,
    crash: String,
}

struct Run {
    shell: Shell,
    lines: Vec<String>,
    /// The index of the crash in `lines`.
    crash: usize,
    next: usize,
    column: Column,
    within: f64,
}

const CONF: &str = "compare.conf";

impl Compare {
    /// Compares these configurations (at most [`MOST_CANDIDATES`]) over a scenario's workload, on this machine (`cloud`) if
    /// one is named, else on the scenario's own.
    ///
    /// # Errors
    /// If the scenario starts its server in a way that cannot be replaced: which line, in words.
    pub fn new(
        scenario: &Scenario,
        mut candidates: Vec<Candidate>,
        machine: Option<&str>,
    ) -> Result<Self, String> {
        candidates.truncate(MOST_CANDIDATES);
        let lines: Vec<&str> = scenario.lines.iter().map(|(_, line)| &**line).collect();
        Ok(Self {
            title: scenario.title.clone(),
            seed: scenario.seed,
            plan: plan(&lines, machine)?,
            candidates,
            columns: Vec::new(),
            run: None,
        })
    }

    /// Does about so many events of the simulation.
    pub fn step(&mut self, max_events: u64) -> CompareProgress {
        if self.run.is_none()
            && let Some(candidate) = self.candidates.get(self.columns.len())
        {
            self.run = Some(self.plan.run(self.seed, candidate));
        }
        if let Some(run) = &mut self.run
            && run.step(max_events)
            && let Some(run) = self.run.take()
        {
            self.columns.push(run.finish());
        }
        self.progress()
    }

    /// How far it is.
    pub fn progress(&self) -> CompareProgress {
        let within = self.run.as_ref().map_or(0.0, Run::fraction);
        CompareProgress {
            done: self.columns.len() == self.candidates.len(),
            fraction: (self.columns.len() as f64 + within) / self.candidates.len().max(1) as f64,
        }
    }

    /// The columns that are done.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// A column as a scenario; `None` if there is no such column.
    pub fn scenario(&self, column: usize) -> Option<String> {
        let candidate = self.candidates.get(column)?;
        let (lines, _) = self.plan.lines(candidate);
        let title = self.title.split_once(": ").map_or(&*self.title, |it| it.0);
        Some(format!(
            "# lastsave scenario 1\n# {title}, {}\nseed {}\n\n{}\n",
            candidate.name,
            self.seed,
            lines.join("\n")
        ))
    }
}

impl Plan {
    fn lines(&self, candidate: &Candidate) -> (Vec<String>, usize) {
        let mut lines = vec![format!("cat > {CONF} <<'END-OF-CONF'")];
        lines.extend(candidate.conf.lines().map(str::to_owned));
        lines.push("END-OF-CONF".into());
        lines.extend(self.before.iter().cloned());
        let crash = lines.len();
        lines.extend([
            self.crash.clone(),
            "workload off".into(),
            format!("redis-server {CONF}"),
        ]);
        (lines, crash)
    }

    fn run(&self, seed: u64, candidate: &Candidate) -> Run {
        let (lines, crash) = self.lines(candidate);
        Run {
            shell: Shell::new(seed),
            lines,
            crash,
            next: 0,
            column: Column {
                name: candidate.name.clone(),
                ..Column::default()
            },
            within: 0.0,
        }
    }
}

impl Run {
    /// Returns whether it is over.
    fn step(&mut self, max_events: u64) -> bool {
        match self.shell.run(max_events) {
            Progress::Running { fraction, .. } => {
                self.within = fraction;
                return false;
            }
            Progress::Idle => self.within = 0.0,
        }
        let printed = self.shell.take_output();
        if self.next == self.crash {
            self.measure(&printed);
        }
        let Some(line) = self.lines.get(self.next) else {
            return true;
        };
        self.shell.enter(line);
        self.next += 1;
        self.column.failure.is_some()
    }

    fn fraction(&self) -> f64 {
        ((self.next as f64 - 1.0 + self.within) / self.lines.len() as f64).clamp(0.0, 1.0)
    }

    /// Right before the crash.
    fn measure(&mut self, printed: &[crate::Span]) {
        let world = self.shell.world();
        let column = &mut self.column;
        if !world.running() {
            let said = printed.iter().map(|span| span.text.trim()).rev();
            let last = said.into_iter().find(|text| !text.is_empty());
            let why = last.unwrap_or("it was not started");
            column.failure = Some(format!("No server runs at the crash: {why}"));
            return;
        }
        let config = world.engine().map(lastsave_engine::Engine::config);
        for file in world.disk().files() {
            if config.is_some_and(|config| config.dbfilename == file.path) {
                column.rdb_bytes += file.len;
            } else if config.is_some_and(|config| {
                file.path
                    .strip_prefix(&config.appenddirname)
                    .is_some_and(|rest| rest.starts_with('/'))
            }) {
                column.aof_bytes += file.len;
            }
        }
        column.acknowledged = world.acknowledged();
        column.measures = world.measures();
        column.errors = world.errors().0;
    }

    fn finish(mut self) -> Column {
        let world = self.shell.world();
        match world.verdict() {
            _ if self.column.failure.is_some() => {}
            Some(verdict) if verdict.recovered_known => {
                self.column.lost = verdict.lost;
                self.column.oldest_lost_ms = verdict.oldest_lost_ms;
                self.column.recovery_ms = verdict.recovery_ms;
            }
            _ => self.column.failure = Some("The server did not start again.".into()),
        }
        self.column
    }
}

/// Sorts a scenario's lines into what stays and what is replaced.
fn plan(lines: &[&str], machine: Option<&str>) -> Result<Plan, String> {
    let mut before: Vec<String> = Vec::new();
    before.extend(machine.map(|machine| format!("machine {machine}")));
    let mut crash = "crash power".to_owned();
    let mut here: Option<String> = None;
    let mut started = false;
    for (number, line) in lines.iter().enumerate() {
        if let Some(end) = &here {
            before.push((*line).to_owned());
            if line.trim() == end {
                here = None;
            }
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let word = |at: usize| words.get(at).copied().unwrap_or_default();
        if let Some((_, end)) = line.split_once("<<").filter(|_| word(0) != "#") {
            here = Some(end.trim().trim_matches(['\'', '"']).to_owned());
        }
        match word(0) {
            "machine" if machine.is_some() => {}
            "redis-server" if matches!(word(1), "-v" | "--version" | "-h" | "--help") => {}
            "redis-server" => {
                started = true;
                here = None;
                before.push(format!("redis-server {CONF}"));
            }
            "expect" | "verdict" => {}
            "crash" if words.iter().rev().nth(1) == Some(&"at") || word(1) == "off" => {}
            "crash" => {
                crash = (*line).to_owned();
                break;
            }
            _ if is_kill(&words) => {
                crash = "crash kill".into();
                break;
            }
            _ if configures(&words) => {}
            _ if starts_within(line) => {
                return Err(format!(
                    "line {}: `{}` starts a server behind something else; Compare replaces only lines that begin with redis-server",
                    number + 1,
                    line.trim()
                ));
            }
            _ => before.push((*line).to_owned()),
        }
    }
    if !started {
        let at = usize::from(machine.is_some());
        before.insert(at, format!("redis-server {CONF}"));
    }
    Ok(Plan { before, crash })
}

/// Whether this ends the server's process by force.
fn is_kill(words: &[&str]) -> bool {
    matches!(words, ["kill" | "pkill" | "killall", "-9" | "-KILL" | "-SIGKILL", rest @ ..] if rest.iter().any(|word| word.contains("redis-server") || *word == "%1"))
}

/// Whether this changes the configuration while the server runs.
fn configures(words: &[&str]) -> bool {
    let words = match words {
        ["redis-cli", rest @ ..] => rest,
        all => all,
    };
    matches!(words, [config, word, ..] if config.eq_ignore_ascii_case("config") && (word.eq_ignore_ascii_case("set") || word.eq_ignore_ascii_case("rewrite")))
}

/// Whether a server is started somewhere behind the beginning of a line.
fn starts_within(line: &str) -> bool {
    let line = line.trim();
    if line.starts_with('#') {
        return false;
    }
    ["&& ", "|| ", "; ", "| ", "sudo ", "&&", ";"]
        .iter()
        .any(|before| line.contains(&format!("{before}redis-server")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(lines: &str, words: &[&str]) -> Compare {
        let text = format!("# lastsave scenario 1\n# A run: of many\nseed 5\n\n{lines}");
        let scenario = Scenario::parse(&text).expect("it is a scenario");
        let presets = words.iter().filter_map(|word| Preset::find(word));
        let candidates = presets.map(Candidate::from).collect();
        let mut compare = Compare::new(&scenario, candidates, None).expect("it can be replaced");
        while !compare.step(10_000).done {}
        compare
    }

    #[test]
    fn policies_differ_in_what_they_lose_and_in_what_they_cost() {
        let lines = "redis-server --appendonly no\nworkload counters rate=100 keys=50\nCONFIG SET save \"1 1\"\nadvance 3500ms\nexpect lost == 0\ncrash power\nredis-server\n";
        let done = compare(lines, &["always", "everysec", "none"]);
        let [always, everysec, none] = done.columns() else {
            panic!("three were compared");
        };
        assert!(done.columns().iter().all(|column| column.failure.is_none()));
        // Under `always` the last reply may still wait for its sync.
        assert!(everysec.acknowledged - always.acknowledged <= 1);
        assert_eq!(always.lost, 0);
        assert!(
            everysec.lost > 0 && everysec.lost <= 200,
            "{}",
            everysec.lost
        );
        assert_eq!(none.lost, none.acknowledged, "CONFIG SET is left out");
        assert!(always.measures.fsyncs > 10 * everysec.measures.fsyncs);
        assert!(always.measures.latency.p99_us > everysec.measures.latency.p99_us);
        assert_eq!((none.rdb_bytes, none.aof_bytes), (0, 0));
    }

    #[test]
    fn a_column_opens_as_a_scenario_that_comes_to_the_same() {
        let lines = "cat > redis.conf <<EOF\nappendonly yes\nEOF\nredis-server redis.conf\nworkload sessions rate=50\nadvance 2500ms\nkill -9 $(pgrep redis-server)\n";
        let done = compare(lines, &["first", "hybrid"]);
        for (index, column) in done.columns().iter().enumerate() {
            let text = done.scenario(index).expect("there is one");
            let report = crate::run(&Scenario::parse(&text).unwrap(), &mut |_| true);
            assert_eq!(report.lost, column.lost, "{text}");
            assert_eq!(report.acknowledged, column.acknowledged);
            assert!(text.contains("\ncrash kill\n") && !text.contains("pgrep"));
        }
    }

    #[test]
    fn what_cannot_be_replaced_is_refused_with_its_line() {
        let refused = plan(&["SET a 1", "sync && redis-server --save ''"], None);
        assert!(refused.is_err_and(|message| message.starts_with("line 2")));
        let kept = plan(
            &["ps | grep redis-server", "pgrep redis-server"],
            Some("cloud"),
        )
        .expect("nothing is started there");
        assert_eq!(
            kept.before[..2],
            ["machine cloud", "redis-server compare.conf"]
        );
    }

    #[test]
    fn a_configuration_that_starts_no_server_says_why() {
        let text = "# lastsave scenario 1\n# A run\n\nredis-server\nadvance 1s\n";
        let scenario = Scenario::parse(text).unwrap();
        let broken = Candidate {
            name: "Broken".into(),
            conf: "save 900 1 # why not\n".into(),
        };
        let mut compare = Compare::new(&scenario, vec![broken], None).unwrap();
        while !compare.step(1000).done {}
        let failure = compare.columns()[0].failure.as_deref().unwrap_or_default();
        assert!(failure.starts_with("No server runs"), "{failure}");
    }
}
