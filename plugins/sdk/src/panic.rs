//! Tells the log where a plugin panicked, before the panic becomes a trap.

use std::panic::PanicHookInfo;

use crate::host::log;

/// Sends the message of each panic, with file and line, to the log as an error.
pub(crate) fn install() {
    std::panic::set_hook(Box::new(report));
}

fn report(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("no message");
    match panic.location() {
        Some(location) => log::error(format_args!("panicked at {location}: {message}")),
        None => log::error(format_args!("panicked: {message}")),
    }
}
