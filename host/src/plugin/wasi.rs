//! placeholder
use wasmtime::component::Linker;
use super::sandbox::Sandbox;
/// placeholder
pub fn link(_linker: &mut Linker<Sandbox>, _imports: &[String]) -> wasmtime::Result<()> { Ok(()) }
