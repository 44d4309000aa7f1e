//! The standard plugins, as the build made them: components, and the code of each.
//!
//! They are found by name and get nothing that a component from a file does not get.

/// One component that is part of the program.
#[derive(Debug, Clone, Copy)]
pub struct Embedded {
    /// The name after `builtin:`.
    pub name: &'static str,
    /// The component.
    pub component: &'static [u8],
    /// The same, compiled for the processor of the build.
    pub code: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The component of that name.
pub fn find(name: &str) -> Option<&'static Embedded> {
    ALL.iter().find(|one| one.name == name)
}
