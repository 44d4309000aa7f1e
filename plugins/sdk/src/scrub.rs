//! Texts that leave by another way than the two corridors: what a scrubber receives.

/// A text on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// The text.
    pub text: String,
    /// Where it comes from.
    pub origin: Origin,
    /// What the text is the value of, where that is known: `exception.message`,
    /// `http.request.header.cookie`, the name of an attribute. Empty for free text.
    pub name: String,
}

impl Passage {
    /// A free text of no known origin, for tests.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), origin: Origin::Other, name: String::new() }
    }
}

/// Where a text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Origin {
    /// A string of an error event.
    ErrorEvent,
    /// The message of a fault, a trap or a panic.
    Fault,
    /// A page of the admin listener.
    Page,
    /// Anything else that the host keeps, sends or shows.
    Other,
}

lift!(Origin { ErrorEvent, Fault, Page, Other });
