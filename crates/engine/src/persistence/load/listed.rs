//! Whether the manifest can be believed: a bit of it that has rotted, or a line that is missing, must not cost files that
//! it no longer names. Redis loads what is listed, deletes what is listed as replaced, and writes over the rest.

use lastsave_aof::{FileInfo, FileType, Manifest, Names};
use lastsave_vfs::Vfs;

use crate::engine::Engine;
use crate::faithful::Defect;

impl Engine {
    /// Refuses a manifest that contradicts itself or the directory in a way that no crash leads to, and files of a log
    /// without a manifest.
    pub(super) fn refuse_unlisted_files(
        &self,
        manifest: Option<&Manifest>,
        names: &Names,
        vfs: &mut dyn Vfs,
    ) -> Result<(), String> {
        if self.repeats(Defect::UnlistedFilesIgnored) {
            return Ok(());
        }
        let present: Vec<String> = vfs
            .list(&names.dir)
            .unwrap_or_default()
            .into_iter()
            .filter(|entry| !entry.is_dir && entry.len > 0)
            .map(|entry| entry.name)
            .collect();
        let doubt = match manifest {
            None => present
                .iter()
                .find(|name| **name == names.file || kind_and_seq(names, name).is_some())
                .map(|stray| {
                    format!(
                        "{} holds {stray} but the manifest {} is missing",
                        names.dir,
                        names.manifest()
                    )
                }),
            Some(manifest) => contradiction(manifest, names, &present),
        };
        match doubt {
            None => Ok(()),
            Some(doubt) => Err(format!(
                "Fatal error: {doubt}. Nothing was changed. Restore the manifest, or move the files away to start empty."
            )),
        }
    }
}

/// What is wrong with a manifest, given the names of the files that are there and not empty.
fn contradiction(manifest: &Manifest, names: &Names, present: &[String]) -> Option<String> {
    let listed: Vec<&FileInfo> = manifest.files().chain(&manifest.history).collect();
    let manifest_name = names.manifest();
    for (index, info) in listed.iter().enumerate() {
        let name = &info.name;
        if listed[..index].iter().any(|other| other.name == *name) {
            return Some(format!("{manifest_name} lists {name} twice"));
        }
        // Files that others have named may have any number.
        if let Some((kind, seq)) = kind_and_seq(names, name)
            && (seq != info.seq || !kind.may_be(info.file_type))
        {
            return Some(format!(
                "{manifest_name} lists {name} under another number or as something else"
            ));
        }
    }
    misplaced_history(manifest, names).or_else(|| unlisted_commands(manifest, names, present))
}

/// A rewrite replaces files of commands together with the base before them, and goes on in one whose number is higher,
/// unless the log is off. What was replaced last is listed first, the base behind its commands.
fn misplaced_history(manifest: &Manifest, names: &Names) -> Option<String> {
    let history = &manifest.history;
    let is_incr = |info: &FileInfo| {
        kind_and_seq(names, &info.name).is_some_and(|(kind, _)| kind == Kind::Incr)
    };
    let mut incrs = history.iter().filter(|info| is_incr(info));
    let has_base = history.iter().any(|info| !is_incr(info));
    let base = manifest.base.as_ref().map_or(0, |info| info.seq);
    let odd = match manifest.incrs.last() {
        Some(_) if !has_base && base > 1 => incrs.next(),
        Some(last) => incrs.find(|info| info.seq >= last.seq),
        None if !has_base => incrs.next(),
        None => None,
    };
    let odd = odd.or_else(|| {
        let is_misplaced = |&at: &usize| {
            let base_before = history[..at].iter().rposition(|info| !is_incr(info));
            let newer = &history[..base_before.unwrap_or(0)];
            let is_older = |info: &FileInfo| is_incr(info) && info.seq <= history[at].seq;
            is_incr(&history[at]) && newer.iter().any(is_older)
        };
        (0..history.len()).find(is_misplaced).map(|at| &history[at])
    })?;
    Some(format!(
        "{} lists {} as replaced, which it cannot be",
        names.manifest(),
        odd.name
    ))
}

/// A file of commands gets its first byte after the manifest that names it is durable, unless it comes with a new base.
fn unlisted_commands(manifest: &Manifest, names: &Names, present: &[String]) -> Option<String> {
    // Where nothing is listed, the very first base is being made: what is there belongs to it.
    manifest.files().next()?;
    let base = manifest.base.as_ref().map_or(0, |info| info.seq);
    let last = manifest.incrs.last().map_or(0, |info| info.seq);
    let is_listed = |name: &String| {
        let mut listed = manifest.files().chain(&manifest.history);
        listed.any(|info| info.name == *name)
    };
    let mut newer = None;
    for name in present.iter().filter(|name| !is_listed(name)) {
        match kind_and_seq(names, name) {
            Some((Kind::Base, seq)) if seq > base => return None,
            Some((Kind::Incr, seq)) if seq > last => newer = Some(name),
            _ => {}
        }
    }
    Some(format!(
        "{} holds {}, which is newer than all that the manifest {} lists",
        names.dir,
        newer?,
        names.manifest()
    ))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Base,
    Incr,
}

impl Kind {
    fn may_be(self, listed_as: FileType) -> bool {
        match listed_as {
            FileType::Base => self == Self::Base,
            FileType::Incr => self == Self::Incr,
            FileType::History => true,
        }
    }
}

/// What a file of a log is by its name, and its number.
fn kind_and_seq(names: &Names, name: &str) -> Option<(Kind, u64)> {
    let rest = name.strip_prefix(&names.file)?.strip_prefix('.')?;
    let (seq, kind) = rest.split_once('.')?;
    let kind = match kind {
        "base.rdb" | "base.aof" => Kind::Base,
        "incr.aof" => Kind::Incr,
        _ => return None,
    };
    seq.parse().ok().map(|seq| (kind, seq))
}
