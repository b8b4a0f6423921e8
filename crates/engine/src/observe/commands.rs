//! How often each command ran, and how long.

use lastsave_keyspace::{COMMANDS, Command};

use super::histogram::Histogram;

/// What a command has done.
#[derive(Clone, Debug, Default)]
pub(crate) struct CommandCount {
    /// How often it ran.
    pub(crate) calls: u64,
    /// For how long in all.
    pub(crate) duration_us: u64,
    /// How often it was refused before it ran.
    pub(crate) rejected: u64,
    /// How often it ran and answered an error.
    pub(crate) failed: u64,
    /// Its times, while they are tracked.
    pub(crate) times: Option<Histogram>,
}

impl CommandCount {
    /// Counts a call.
    #[inline]
    pub(crate) fn executed(&mut self, duration_us: u64, failed: bool, tracked: bool) {
        self.calls += 1;
        self.duration_us += duration_us;
        self.failed += u64::from(failed);
        if tracked {
            self.times
                .get_or_insert_default()
                .record(duration_us * 1000);
        }
    }
}

/// The counts of all commands.
#[derive(Clone, Default)]
pub(crate) struct CommandStats {
    /// By [`Command::index`].
    commands: Vec<CommandCount>,
    subcommands: Vec<(&'static Command, CommandCount)>,
}

impl CommandStats {
    /// The counts of a command, to change.
    #[inline]
    pub(crate) fn of(&mut self, command: &'static Command) -> &mut CommandCount {
        let index = usize::from(command.index);
        if index < COMMANDS.len() {
            if self.commands.is_empty() {
                self.commands
                    .resize_with(COMMANDS.len(), CommandCount::default);
            }
            return &mut self.commands[index];
        }
        let known = self
            .subcommands
            .iter()
            .position(|(known, _)| std::ptr::eq(*known, command));
        let at = known.unwrap_or_else(|| {
            self.subcommands.push((command, CommandCount::default()));
            self.subcommands.len() - 1
        });
        &mut self.subcommands[at].1
    }

    /// The counts of a row and of its subcommands, with their full names, as far as there are any.
    pub(crate) fn of_container<'a>(
        &'a self,
        command: &'static Command,
    ) -> impl Iterator<Item = (String, &'a CommandCount)> {
        let own = self.commands.get(usize::from(command.index));
        let own = own.map(|count| (command.name.to_owned(), count));
        let subcommands = command.subcommands.iter().filter_map(|subcommand| {
            let name = format!("{}|{}", command.name, subcommand.name);
            self.of_subcommand(subcommand).map(|count| (name, count))
        });
        own.into_iter().chain(subcommands)
    }

    /// The counts of a subcommand.
    pub(crate) fn of_subcommand(&self, subcommand: &'static Command) -> Option<&CommandCount> {
        let mut known = self.subcommands.iter();
        known
            .find(|(known, _)| std::ptr::eq(*known, subcommand))
            .map(|(_, count)| count)
    }

    /// The counts of all commands that have any, by their full names, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (String, &CommandCount)> {
        COMMANDS.iter().flat_map(|row| self.of_container(row))
    }
}
