//! Personal data and secrets.
