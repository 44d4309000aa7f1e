//! `tamis completions`: what a shell has to know to complete the command line.

use clap_complete::Shell;

use super::{Failure, Terminal};

const EXAMPLES: &str = "\
Examples:
  tamis completions bash > /etc/bash_completion.d/tamis
  tamis completions zsh > ~/.zfunc/_tamis
  tamis completions fish > ~/.config/fish/completions/tamis.fish";

/// Prints the completions of a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Which shell.
    shell: Shell,
}

impl Arguments {
    pub(super) fn act(
        self,
        command: &mut clap::Command,
        terminal: &mut Terminal<'_>,
    ) -> Result<u8, Failure> {
        // The generator panics when it cannot write, so it writes to memory.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, command, "tamis", &mut script);
        terminal.out.bytes().write_all(&script)?;
        Ok(0)
    }
}
