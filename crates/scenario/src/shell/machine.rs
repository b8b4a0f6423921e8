//! The machine's word: which profile, how much memory, how large a disk. And what its kernel has logged.

use super::{Io, Shell, Style};
use crate::units::{bytes, parse_bytes};
use crate::world::{MOST_MEMORY, MachineProfile};

/// The least memory that a machine can have, in bytes.
const LEAST_MEMORY: u64 = 1 << 20;

impl Shell {
    pub(super) fn machine(&mut self, io: &mut Io, args: &[String]) -> i32 {
        if args.len() == 1 {
            let text = self.describe_machine();
            self.print(io, Style::Plain, text);
            return 0;
        }
        if self.world.running() {
            self.complain("machine: a server runs on it: end it first (`SHUTDOWN NOSAVE`)");
            return 1;
        }
        let (mut profile, mut memory, mut disk) = (*self.world.profile(), None, None);
        let mut write_back = None;
        for arg in &args[1..] {
            let known = MachineProfile::ALL.iter().find(|known| known.word == arg);
            let set = match (known, arg.split_once('=')) {
                (Some(known), _) => {
                    profile = *known;
                    Ok(())
                }
                (None, Some(("memory", size))) => match parse_bytes(size) {
                    Some(size) if (LEAST_MEMORY..=MOST_MEMORY).contains(&size) => {
                        memory = Some(size);
                        Ok(())
                    }
                    _ => Err(format!("memory goes from 1mb to {}", bytes(MOST_MEMORY))),
                },
                (None, Some(("capacity", size))) => match parse_bytes(size) {
                    Some(size) => {
                        disk = Some(size);
                        Ok(())
                    }
                    None => Err(format!("`{size}` is no size: 10gb")),
                },
                (None, Some(("writeback", word @ ("on" | "off")))) => {
                    write_back = Some(word == "on");
                    Ok(())
                }
                _ => Err(format!(
                    "`{arg}` is none of laptop, cloud, disk, article, memory=1gb, capacity=10gb, writeback=on|off"
                )),
            };
            if let Err(message) = set {
                self.complain(&format!("machine: {message}"));
                return 1;
            }
        }
        if let Some(on) = write_back {
            let usual_us = MachineProfile::LAPTOP.writeback_interval_us;
            profile.writeback_interval_us = if on { usual_us } else { 0 };
        }
        self.world.set_profile(profile, memory, disk);
        let text = format!("machine: {}", self.describe_machine());
        self.note(Style::Dim, text.trim_end());
        0
    }

    fn describe_machine(&self) -> String {
        let profile = self.world.profile();
        let disk = match self.world.disk_bytes() {
            Some(size) => format!(", {} of disk", bytes(size)),
            None => String::new(),
        };
        let write_back = match profile.writeback_interval_us {
            0 => ", no write-back",
            _ => "",
        };
        format!(
            "{}, {}; {} of memory{disk}{write_back}\n",
            profile.word,
            profile.about,
            bytes(self.world.memory_limit())
        )
    }

    pub(super) fn dmesg(&mut self, io: &mut Io, _args: &[String]) -> i32 {
        let text: String = self
            .world
            .kernel_log()
            .iter()
            .map(|line| format!("{line}\n"))
            .collect();
        self.print(io, Style::Plain, text);
        0
    }
}
