//! What the page shows, taken from the world in one go. Looking changes nothing.

use lastsave_engine::config;
use lastsave_engine::config::FsyncPolicy;

use super::{START_US, WorkloadKind, World};
use crate::units::thousands;
use crate::{
    ClockView, ConfigRow, FileRow, FileView, FilesRequest, LayersView, TimelineView, View,
    ViewRequest,
};

/// Bytes of a file shown at most, whatever is asked for.
const MAX_SHOWN_BYTES: usize = 1 << 20;

/// Marks on the timeline shown at most.
const MAX_SHOWN_MARKS: usize = 600;

impl World {
    /// What the page shows.
    pub(crate) fn view(&mut self, request: &ViewRequest) -> View {
        let files = request.files.as_ref();
        View {
            clock: self.clock_view(),
            layers: self.layers_view(),
            verdict: self.verdict.clone(),
            keys: request.keys.as_ref().map(|request| self.keys_view(request)),
            files: files.map(|_| self.file_rows()),
            file: files.and_then(|request| self.file_view(request)),
            places: files
                .and_then(|request| request.locate.as_ref())
                .map(|key| self.places_of(key)),
            config: request.config.then(|| self.config_rows()),
            info: self.engine().filter(|_| request.info).map(info_text),
            firing: self.firing(),
            alerts: if request.alerts {
                self.alerts_view()
            } else {
                Vec::new()
            },
            timeline: TimelineView {
                start_us: self.timeline.start_us(),
                end_us: self.now_us,
                points: self.timeline.points(self.now_us, request.timeline_points),
                marks: if request.timeline_points > 0 {
                    self.timeline.marks(MAX_SHOWN_MARKS)
                } else {
                    Vec::new()
                },
            },
            checks: None,
            writes: request
                .writes
                .as_ref()
                .map(|request| self.writes_view(request)),
        }
    }

    fn clock_view(&self) -> ClockView {
        ClockView {
            now_us: self.now_us,
            elapsed_us: self.now_us - START_US,
            server: self.engine().map(|engine| describe(engine.config())),
            machine: self.profile.word.to_owned(),
            workload: self.workload().map(|spec| match spec.kind {
                WorkloadKind::File => format!("a file, {}/s", thousands(spec.rate)),
                kind => format!(
                    "{}, {}/s over {} keys",
                    kind.word(),
                    thousands(spec.rate),
                    thousands(spec.keys)
                ),
            }),
            faults: self.fault_words(),
            commands: self.commands(),
            trace_hash: self.trace_hash(),
        }
    }

    /// Acknowledged writes that a process kill now would take, and the age of the oldest in microseconds.
    pub(crate) fn exposed_kill(&self) -> (u64, u64) {
        self.exposed_behind(self.kill_finds())
    }

    /// Acknowledged writes that a power loss now would take, and the age of the oldest in microseconds.
    pub(crate) fn exposed_power(&self) -> (u64, u64) {
        self.exposed_behind(self.ledger.durable())
    }

    fn exposed_behind(&self, held: usize) -> (u64, u64) {
        let count = if held == self.ledger.durable() {
            self.ledger.exposed()
        } else {
            self.ledger.tail(held).acknowledged
        };
        let oldest_us = self.ledger.oldest_at_us(held);
        let age_us = oldest_us.map_or(0, |at_us| self.now_us.saturating_sub(at_us));
        (count, age_us)
    }

    fn layers_view(&self) -> LayersView {
        let unsynced_bytes = self.disk.unsynced_bytes();
        let (exposed_power, exposed_power_oldest_us) = self.exposed_power();
        let (exposed_kill, exposed_kill_oldest_us) = self.exposed_kill();
        let status = self.engine().map(lastsave_engine::Engine::status);
        let offsets = self
            .engine()
            .filter(|_| self.log_in_use())
            .and_then(lastsave_engine::Engine::aof_offsets);
        LayersView {
            memory_keys: status.as_ref().map_or(0, |status| status.keys),
            memory_bytes: status.as_ref().map_or(0, |status| status.used_memory),
            memory_limit_bytes: self.memory_limit,
            aof_buffer_bytes: offsets.map(|offsets| offsets.appended - offsets.written),
            page_cache_bytes: unsynced_bytes,
            disk_bytes: self.disk.used_bytes().saturating_sub(unsynced_bytes),
            disk_capacity_bytes: self.disk.capacity(),
            since_durable_us: self.durable_at_us.map(|at_us| self.now_us - at_us),
            acknowledged: self.ledger.acknowledged(),
            exposed_power,
            exposed_power_oldest_us,
            exposed_kill,
            exposed_kill_oldest_us,
        }
    }

    fn file_rows(&self) -> Vec<FileRow> {
        let mut rows: Vec<FileRow> = Vec::new();
        let mut add = |row: FileRow| {
            if let Some((dir, _)) = row.path.rsplit_once('/')
                && !rows.iter().any(|row| row.is_dir && row.path == dir)
            {
                rows.push(FileRow {
                    path: dir.to_owned(),
                    is_dir: true,
                    name_durable: true,
                    ..FileRow::default()
                });
            }
            rows.push(row);
        };
        let lost = |path: &str, inode: u64| -> u64 {
            let ranges = self.wreck.as_ref().map(|wreck| wreck.lost_of(path, inode));
            let ranges = ranges.unwrap_or_default().iter();
            ranges.map(|range| range.end - range.start).sum()
        };
        for file in self.disk.files() {
            add(FileRow {
                lost_bytes: lost(&file.path, file.inode),
                path: file.path,
                len: file.len,
                unsynced_bytes: file.unsynced_bytes + file.dropped_bytes,
                name_durable: file.name_durable,
                ..FileRow::default()
            });
        }
        let gone = self.wreck.iter().flat_map(|wreck| wreck.gone());
        for (path, len) in gone.filter(|(path, _)| self.disk.inode(path).is_none()) {
            add(FileRow {
                path: path.to_owned(),
                len,
                lost_bytes: len,
                name_durable: true,
                gone: true,
                ..FileRow::default()
            });
        }
        rows
    }

    fn file_view(&mut self, request: &FilesRequest) -> Option<FileView> {
        let path = request.path.as_deref()?;
        let wreck = self.wreck.as_ref().filter(|_| request.before_crash);
        let disk = wreck.map_or(&self.disk, |wreck| &wreck.before);
        let found = disk.files().into_iter().find(|file| file.path == path)?;
        let len = found.len;
        let start = request.offset.min(len);
        let end = start
            .saturating_add(request.len.min(MAX_SHOWN_BYTES) as u64)
            .min(len);
        let mut bytes = vec![0; (end - start) as usize];
        disk.read_some(path, start, &mut bytes).ok()?;
        let pairs = |ranges: &[std::ops::Range<u64>]| -> Vec<(u64, u64)> {
            ranges
                .iter()
                .map(|range| (range.start, range.end))
                .collect()
        };
        let meaning = super::annotate::annotate(disk, path, len, start..end, &mut self.meaning);
        Some(FileView {
            path: path.to_owned(),
            len,
            offset: start,
            bytes,
            unsynced: match wreck {
                Some(_) => Vec::new(),
                None => pairs(&disk.dirty_ranges(path)),
            },
            lost: wreck.map_or(Vec::new(), |wreck| pairs(wreck.lost(path))),
            before_crash: wreck.is_some(),
            about: meaning.about,
            problem: meaning.problem,
            annotations: meaning.rows,
        })
    }

    fn config_rows(&self) -> Vec<ConfigRow> {
        let default = config::Config::default();
        let config = self.engine().map_or(&default, |engine| engine.config());
        config::PARAMETERS
            .iter()
            .filter(|parameter| !parameter.flags.has(config::Flags::HIDDEN))
            .map(|parameter| ConfigRow {
                name: parameter.name.into(),
                value: config::get(config, parameter),
                default: parameter.default_value(),
                section: parameter.section.into(),
                help: parameter.help.into(),
                unit: crate::parameter::unit(parameter).into(),
                mutable: parameter.is_mutable(),
                choices: choices(parameter),
                effective: parameter.has_effect(),
            })
            .collect()
    }
}

/// The values that a parameter may have, if they can be listed.
pub(crate) fn choices(parameter: &config::Parameter) -> Vec<String> {
    match parameter.kind {
        config::Kind::Bool => vec!["yes".into(), "no".into()],
        config::Kind::Enum(choices) => choices.iter().map(|(name, _)| (*name).into()).collect(),
        _ => Vec::new(),
    }
}

/// A configuration in a few words: `RDB · 3 save points`, `AOF everysec + RDB · 3 save points`.
fn describe(config: &config::Config) -> String {
    let rdb = match config.save.len() {
        0 => None,
        1 => Some("RDB · 1 save point".to_owned()),
        points => Some(format!("RDB · {points} save points")),
    };
    let aof = config.appendonly.then(|| {
        let policy = match config.appendfsync {
            FsyncPolicy::Always => "always",
            FsyncPolicy::EverySec => "everysec",
            FsyncPolicy::No => "no",
        };
        format!("AOF {policy}")
    });
    match (aof, rdb) {
        (Some(aof), Some(rdb)) => format!("{aof} + {rdb}"),
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => "memory only".into(),
    }
}

fn info_text(engine: &lastsave_engine::Engine) -> String {
    lastsave_engine::info::info(&[], &engine.info_facts())
}
