//! Makes a component of the core module that cargo built: `componentize MODULE COMPONENT`.
//!
//! Fails when the module does not keep to the contract.

use wit_component::ComponentEncoder;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(module), Some(component), None) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("usage: componentize MODULE COMPONENT".into());
    };
    let module = std::fs::read(module)?;
    let bytes = ComponentEncoder::default().validate(true).module(&module)?.encode()?;
    std::fs::write(component, bytes)?;
    Ok(())
}
