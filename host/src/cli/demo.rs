//! `tamis demo`.
pub(super) mod sample {
    use super::super::Failure;
    /// x
    #[derive(Debug, clap::Args)]
    pub(crate) struct Arguments {}
    impl Arguments {
        pub(crate) fn act(self) -> Result<u8, Failure> {
            Ok(0)
        }
    }
}
use super::{Failure, Terminal};
const EXAMPLES: &str = "Examples:\n  tamis demo";
/// x
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[arg(long)]
    once: bool,
}
impl Arguments {
    pub(super) fn act(self, _: &mut Terminal<'_>) -> Result<u8, Failure> {
        Ok(0)
    }
}
