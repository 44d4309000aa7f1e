//! The program, for tests that call it as a process: the same library behind the same arguments.
//! The binary of the host's own package is not there when only these tests are built.

use std::process::ExitCode;

fn main() -> ExitCode {
    tamis_host::cli::main()
}
