//! Names: the directories as the running system sees them, and as the device holds them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::image::Image;
use super::survive::Choose;
use crate::Errno;

/// The root directory.
pub(super) const ROOT: u64 = 1;

/// A file or a directory.
#[derive(Clone, Debug)]
pub(super) enum Node {
    File(File),
    Dir(Dir),
}

/// A file: its bytes and who still refers to it.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    pub(super) image: Image,
    /// Whether the running system has a name for it.
    pub(super) named: bool,
    /// How many handles are open.
    pub(super) open: usize,
}

impl File {
    /// Whether its bytes take up space that the running system cannot use.
    pub(super) fn alive(&self) -> bool {
        self.named || self.open > 0
    }
}

/// A directory: its names now, and its names on the device.
#[derive(Clone, Debug, Default)]
pub(super) struct Dir {
    pub(super) written: BTreeMap<String, u64>,
    durable: BTreeMap<String, u64>,
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) dir: u64,
    pub(super) name: String,
}

/// A change of names that a power loss may undo.
#[derive(Clone, Debug)]
enum Change {
    Add(Place, u64),
    Remove(Place),
    Move(Place, Place, u64),
}

impl Change {
    fn dirs(&self) -> [u64; 2] {
        match self {
            Self::Add(place, _) | Self::Remove(place) => [place.dir; 2],
            Self::Move(from, to, _) => [from.dir, to.dir],
        }
    }

    fn bonds(&self, habits: Habits) -> Vec<Bond> {
        match self {
            _ if !habits.reordering => self.dirs().map(Bond::Dir).to_vec(),
            Self::Add(place, _) | Self::Remove(place) => vec![Bond::Name(place.clone())],
            Self::Move(from, to, _) => vec![Bond::Name(from.clone()), Bond::Name(to.clone())],
        }
    }
}

/// All files and directories.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    nodes: BTreeMap<u64, Arc<Node>>,
    pending: Vec<Change>,
    next_inode: u64,
    /// Permission bits of files and directories that have others than they were made with.
    modes: BTreeMap<u64, u16>,
    pub(super) habits: Habits,
}

/// What a power loss may do beyond what is usual.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Habits {
    /// Pages are torn into sectors.
    pub(super) tearing: bool,
    /// Changes of different names in one directory survive in any order.
    pub(super) reordering: bool,
}

/// What changes of names have in common, so that a later one needs the earlier one: a name, or a whole directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Bond {
    Dir(u64),
    Name(Place),
}

impl Tree {
    pub(super) fn new() -> Self {
        let root = Arc::new(Node::Dir(Dir::default()));
        Self {
            nodes: BTreeMap::from([(ROOT, root)]),
            pending: Vec::new(),
            next_inode: ROOT + 1,
            modes: BTreeMap::new(),
            habits: Habits::default(),
        }
    }

    pub(super) fn dir(&self, inode: u64) -> Result<&Dir, Errno> {
        match self.nodes.get(&inode).map(|node| &**node) {
            Some(Node::Dir(dir)) => Ok(dir),
            Some(Node::File(_)) => Err(Errno::NotADirectory),
            None => Err(Errno::NotFound),
        }
    }

    pub(super) fn file(&self, inode: u64) -> Result<&File, Errno> {
        match self.nodes.get(&inode).map(|node| &**node) {
            Some(Node::File(file)) => Ok(file),
            Some(Node::Dir(_)) => Err(Errno::IsADirectory),
            None => Err(Errno::NotFound),
        }
    }

    pub(super) fn file_mut(&mut self, inode: u64) -> Result<&mut File, Errno> {
        match self.nodes.get_mut(&inode).map(Arc::make_mut) {
            Some(Node::File(file)) => Ok(file),
            Some(Node::Dir(_)) => Err(Errno::IsADirectory),
            None => Err(Errno::NotFound),
        }
    }

    fn dir_mut(&mut self, inode: u64) -> &mut Dir {
        match self.nodes.get_mut(&inode).map(Arc::make_mut) {
            Some(Node::Dir(dir)) => dir,
            _ => unreachable!("places are made for directories only"),
        }
    }

    fn is_dir(&self, inode: u64) -> bool {
        self.dir(inode).is_ok()
    }

    /// Every file with its inode.
    pub(super) fn files(&self) -> impl Iterator<Item = (u64, &File)> {
        self.nodes
            .iter()
            .filter_map(|(&inode, node)| match &**node {
                Node::File(file) => Some((inode, file)),
                Node::Dir(_) => None,
            })
    }

    /// The directory of a path and its last name. The data directory itself has none.
    pub(super) fn place(&self, path: &str) -> Result<Option<Place>, Errno> {
        let mut place: Option<Place> = None;
        for name in path
            .split('/')
            .filter(|name| !name.is_empty() && *name != ".")
        {
            if name == ".." {
                return Err(Errno::PermissionDenied);
            }
            let dir = match &place {
                None => ROOT,
                Some(parent) => self.inode_at(parent).ok_or(Errno::NotFound)?,
            };
            self.dir(dir)?;
            place = Some(Place {
                dir,
                name: name.to_owned(),
            });
        }
        Ok(place)
    }

    /// The inode behind a place.
    pub(super) fn inode_at(&self, place: &Place) -> Option<u64> {
        self.dir(place.dir).ok()?.written.get(&place.name).copied()
    }

    /// The inode behind a path.
    pub(super) fn lookup(&self, path: &str) -> Result<u64, Errno> {
        match self.place(path)? {
            None => Ok(ROOT),
            Some(place) => self.inode_at(&place).ok_or(Errno::NotFound),
        }
    }

    /// The permission bits of a file or directory, as chmod(1) numbers them.
    pub(super) fn mode(&self, inode: u64) -> u16 {
        let usual = if self.is_dir(inode) { 0o755 } else { 0o644 };
        self.modes.get(&inode).copied().unwrap_or(usual)
    }

    pub(super) fn set_mode(&mut self, inode: u64, mode: u16) {
        self.modes.insert(inode, mode & 0o777);
    }

    /// Whether the owner may do this (a sum of 4 to read, 2 to write, 1 to search) with what is at `path`; every
    /// directory on the way has to be searched. Where there is nothing, or no directory on the way, the call itself
    /// says so.
    pub(super) fn permits(&self, path: &str, wanted: u16) -> bool {
        let may = |inode, wanted| (self.mode(inode) >> 6) & wanted == wanted;
        let mut inode = ROOT;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let Ok(dir) = self.dir(inode) else {
                return true;
            };
            if !may(inode, 1) {
                return false;
            }
            match dir.written.get(name) {
                Some(&child) => inode = child,
                None => return true,
            }
        }
        let no_directory = wanted & 1 == 1 && !self.is_dir(inode);
        no_directory || may(inode, wanted)
    }

    /// Whether a name that the device does not know yet, or still knows, is of this directory.
    pub(super) fn is_pending(&self, dir: u64) -> bool {
        let mut changes = self.pending.iter();
        changes.any(|change| change.dirs().contains(&dir))
    }

    /// Whether there are names that the device does not know yet, or still knows.
    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether the device has this name for this inode.
    pub(super) fn name_is_durable(&self, place: &Place) -> bool {
        self.dir(place.dir).is_ok_and(|dir| {
            let inode = dir.written.get(&place.name);
            inode.is_some() && dir.durable.get(&place.name) == inode
        })
    }

    /// Makes a node and names it.
    pub(super) fn add(&mut self, place: Place, node: Node) -> u64 {
        let inode = self.next_inode;
        self.next_inode += 1;
        self.nodes.insert(inode, Arc::new(node));
        self.dir_mut(place.dir)
            .written
            .insert(place.name.clone(), inode);
        self.pending.push(Change::Add(place, inode));
        inode
    }

    /// Takes a name away.
    pub(super) fn remove(&mut self, place: Place) -> Option<u64> {
        let inode = self.dir_mut(place.dir).written.remove(&place.name);
        self.pending.push(Change::Remove(place));
        inode
    }

    /// Gives what is at `from` the name `to`, and returns the inode that had that name.
    pub(super) fn rename(&mut self, from: Place, to: Place) -> Result<Option<u64>, Errno> {
        let moved = self.inode_at(&from).ok_or(Errno::NotFound)?;
        let replaced = self.inode_at(&to);
        if replaced == Some(moved) {
            return Ok(None);
        }
        if let Some(replaced) = replaced {
            match (self.is_dir(moved), self.dir(replaced)) {
                (true, Ok(dir)) if !dir.written.is_empty() => return Err(Errno::NotEmpty),
                (true, Err(_)) => return Err(Errno::NotADirectory),
                (false, Ok(_)) => return Err(Errno::IsADirectory),
                _ => {}
            }
        }
        if self
            .reach([moved], |dir| dir.written.values().copied().collect())
            .contains(&to.dir)
        {
            return Err(Errno::Other(22));
        }
        self.dir_mut(from.dir).written.remove(&from.name);
        self.dir_mut(to.dir).written.insert(to.name.clone(), moved);
        self.pending.push(Change::Move(from, to, moved));
        Ok(replaced)
    }

    /// Makes every change of a directory's names durable, and what those changes depend on.
    pub(super) fn sync_dir(&mut self, dir: u64) {
        let mut needed = BTreeSet::new();
        let mut settled = Vec::new();
        let mut left = Vec::new();
        // A rename across directories is one step, so it takes what it depends on in the other one along.
        for change in std::mem::take(&mut self.pending).into_iter().rev() {
            let bonds = change.bonds(self.habits);
            if change.dirs().contains(&dir) || bonds.iter().any(|bond| needed.contains(bond)) {
                needed.extend(bonds);
                settled.push(change);
            } else {
                left.push(change);
            }
        }
        left.reverse();
        self.pending = left;
        for change in settled.into_iter().rev() {
            self.apply_durably(change);
        }
    }

    /// Makes all names durable.
    pub(super) fn settle(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            self.apply_durably(change);
        }
    }

    fn apply_durably(&mut self, change: Change) {
        match change {
            Change::Add(place, inode) => {
                self.dir_mut(place.dir).durable.insert(place.name, inode);
            }
            Change::Remove(place) => {
                self.dir_mut(place.dir).durable.remove(&place.name);
            }
            Change::Move(from, to, inode) => {
                self.dir_mut(from.dir).durable.remove(&from.name);
                self.dir_mut(to.dir).durable.insert(to.name, inode);
            }
        }
    }

    /// Lets `choose` decide which pending changes survive, in each directory (with reordering: of each name) a prefix;
    /// then the device's names are the only ones, and likewise for the bytes of every file that still has one.
    pub(super) fn power_loss(&mut self, choose: &mut dyn Choose) {
        let tearing = self.habits.tearing;
        let mut lost = BTreeSet::new();
        for change in std::mem::take(&mut self.pending) {
            let bonds = change.bonds(self.habits);
            if !bonds.iter().any(|bond| lost.contains(bond)) && choose.choose(2) == 1 {
                self.apply_durably(change);
            } else {
                lost.extend(bonds);
            }
        }
        let kept = self.reach([ROOT], |dir| dir.durable.values().copied().collect());
        self.retain(&kept);
        for node in self.nodes.values_mut() {
            match Arc::make_mut(node) {
                Node::Dir(dir) => dir.written.clone_from(&dir.durable),
                Node::File(file) => {
                    file.image.power_loss(choose, tearing);
                    file.named = true;
                    file.open = 0;
                }
            }
        }
    }

    /// Forgets what no name, no pending change and no handle refers to.
    pub(super) fn collect(&mut self) {
        let mut roots = vec![ROOT];
        for change in &self.pending {
            if let Change::Add(_, inode) | Change::Move(_, _, inode) = change {
                roots.push(*inode);
            }
            roots.extend(change.dirs());
        }
        roots.extend(
            self.files()
                .filter(|(_, file)| file.open > 0)
                .map(|(inode, _)| inode),
        );
        let kept = self.reach(roots, |dir| {
            dir.written
                .values()
                .chain(dir.durable.values())
                .copied()
                .collect()
        });
        self.retain(&kept);
    }

    fn retain(&mut self, kept: &BTreeSet<u64>) {
        self.nodes.retain(|inode, _| kept.contains(inode));
        self.modes.retain(|inode, _| kept.contains(inode));
    }

    /// All inodes reachable through `children`.
    fn reach(
        &self,
        from: impl IntoIterator<Item = u64>,
        children: impl Fn(&Dir) -> Vec<u64>,
    ) -> BTreeSet<u64> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<u64> = from.into_iter().collect();
        while let Some(inode) = open.pop() {
            if seen.insert(inode)
                && let Ok(dir) = self.dir(inode)
            {
                open.extend(children(dir));
            }
        }
        seen
    }

    /// Whether the names, permissions and bytes are those of an earlier tree, but for the bytes of one file behind its first
    /// `len`.
    pub(super) fn has_grown_from(&self, earlier: &Self, inode: u64, len: u64) -> bool {
        let named = |tree: &Self| {
            let mut all = Vec::new();
            tree.visit(&mut |path, inode, mode, _| all.push((path.to_owned(), inode, mode)));
            all
        };
        let now = named(self);
        now == named(earlier)
            && now.iter().all(|(_, other, _)| {
                let (Some(now), Some(before)) = (self.nodes.get(other), earlier.nodes.get(other))
                else {
                    return false;
                };
                if Arc::ptr_eq(now, before) {
                    return true;
                }
                match (&**now, &**before) {
                    (Node::Dir(_), Node::Dir(_)) => true,
                    (Node::File(now), Node::File(before)) => {
                        let same = if *other == inode {
                            len
                        } else {
                            now.image.len().max(before.image.len())
                        };
                        now.image.begins_as(&before.image, same)
                    }
                    _ => false,
                }
            })
    }

    /// Shows every file and directory that has a name, with its path, inode and permissions, in a fixed order.
    pub(super) fn visit(&self, show: &mut dyn FnMut(&str, u64, u16, &Node)) {
        let mut open = vec![(String::new(), ROOT)];
        while let Some((path, inode)) = open.pop() {
            let Some(node) = self.nodes.get(&inode) else {
                continue;
            };
            show(&path, inode, self.mode(inode), node);
            if let Node::Dir(dir) = &**node {
                let children = dir.written.iter();
                open.extend(children.map(|(name, &child)| (format!("{path}/{name}"), child)));
            }
        }
    }

    /// Every path of a file, sorted, with its place.
    pub(super) fn paths(&self) -> Vec<(String, Place, u64)> {
        let mut paths = Vec::new();
        let mut open = vec![(String::new(), ROOT)];
        while let Some((prefix, inode)) = open.pop() {
            let Ok(dir) = self.dir(inode) else { continue };
            for (name, &child) in &dir.written {
                let path = format!("{prefix}{name}");
                if self.is_dir(child) {
                    open.push((format!("{path}/"), child));
                } else {
                    paths.push((
                        path,
                        Place {
                            dir: inode,
                            name: name.clone(),
                        },
                        child,
                    ));
                }
            }
        }
        paths.sort_by(|(left, ..), (right, ..)| left.cmp(right));
        paths
    }
}
