//! Compares tamis with nginx and with a minimal hyper proxy, on the same machine in the same
//! run. The rooms, in reading order.

pub mod measure;
pub mod subject;
pub mod answers;
pub mod process;
pub mod load;
pub mod wire;
pub mod upstream;
pub mod bare;
pub mod statistics;
pub mod bars;
pub mod report;
