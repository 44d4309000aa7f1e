//! Randomness, from the host.

use crate::backend;

/// The host gives so much at most in one call.
const MOST: usize = 64 << 10;

/// Random bytes. Seeded under `tamis test` and in [`testing`](crate::testing).
///
/// ```
/// let mut id = [0; 16];
/// tamis_sdk::host::random_bytes(&mut id);
/// # assert_ne!(id, [0; 16]);
/// ```
pub fn random_bytes(buffer: &mut [u8]) {
    for part in buffer.chunks_mut(MOST) {
        let bytes = backend::random::bytes(part.len() as u32);
        part.copy_from_slice(&bytes);
    }
}

/// A random number. Seeded under `tamis test` and in [`testing`](crate::testing).
pub fn random_u64() -> u64 {
    backend::random::next_u64()
}

/// Makes the host the source of the crate `getrandom`, from version 0.3 on, and so of everything
/// built on it.
///
/// Expand it once in a plugin that depends on `getrandom`, and build with
/// `--cfg getrandom_backend="custom"` in `RUSTFLAGS`. Does nothing off wasm.
///
/// ```
/// tamis_sdk::getrandom_backend!();
/// ```
#[macro_export]
macro_rules! getrandom_backend {
    () => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #[allow(unsafe_code, reason = "the name is looked up by the linker")]
            #[unsafe(no_mangle)]
            unsafe extern "Rust" fn __getrandom_v03_custom(
                start: *mut u8,
                length: usize,
            ) -> ::core::result::Result<(), ::getrandom::Error> {
                // SAFETY: the caller gives a place of this length, which is written before it is
                // read.
                let buffer = unsafe {
                    start.write_bytes(0, length);
                    ::core::slice::from_raw_parts_mut(start, length)
                };
                $crate::host::random_bytes(buffer);
                ::core::result::Result::Ok(())
            }
        };
    };
}
