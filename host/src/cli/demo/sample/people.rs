//! The customers of the shop, all made up: what must not be found in any log.

/// One customer.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli::demo) struct Person {
    pub(in crate::cli::demo) name: &'static str,
    pub(in crate::cli::demo) email: &'static str,
    pub(in crate::cli::demo) card: &'static str,
}

/// All of them. Numbers of cards are those that issuers publish for tests.
pub(in crate::cli::demo) const PEOPLE: [Person; 3] = [
    Person { name: "Ada", email: "ada.lovelace@example.org", card: "4111 1111 1111 1111" },
    Person { name: "Grace", email: "grace.hopper@example.com", card: "5500 0055 5555 5559" },
    Person { name: "Sri", email: "sri.wahyuni@example.id", card: "4000 0000 0000 0002" },
];

/// The password that customers log in with, and that somebody puts into a link.
pub(in crate::cli::demo) const PASSWORD: &str = "Tr0ub4dor-and-3";

/// The token that a client sends.
pub(in crate::cli::demo) const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
    eyJzdWIiOiIxMDE3Iiwicm9sZSI6ImN1c3RvbWVyIn0.dGhpcy1pcy1hLXNhbXBsZS1zaWduYXR1cmU";

/// Everything that is nobody's business, each as the application writes it.
pub(in crate::cli::demo) fn secrets() -> Vec<&'static str> {
    let people = PEOPLE.iter().flat_map(|person| [person.email, person.card]);
    people.chain([PASSWORD, TOKEN]).collect()
}

/// How often any of these stands in a text.
pub(in crate::cli::demo) fn leaks(text: &str) -> usize {
    secrets().iter().map(|secret| text.matches(secret).count()).sum()
}
