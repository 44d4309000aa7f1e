//! The program. Everything is in the library; this sets the allocator and hands over.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tamis_host::cli::main()
}
