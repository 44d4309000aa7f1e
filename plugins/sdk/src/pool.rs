//! The allocator of a plugin: lists of free blocks by size, over the standard one.
//!
//! The host allocates every string of a call in the guest, and the guest frees it again: a dozen
//! short blocks per hook, which is most of what a call costs. Taking one from a list and putting it
//! back is a few instructions each. The first blocks come from memory that the component has from
//! its start, so that a fresh instance serves its first calls without growing its memory.
//!
//! Blocks of one size are never joined to larger ones: a plugin holds as much as it ever needed of
//! each size. It knows no threads; a component has none.

#![expect(unsafe_code, reason = "an allocator hands out memory")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};
use std::ptr;

/// Blocks are of 16, 32, 64 … 1024 bytes; what is larger is left to the standard allocator.
const CLASSES: usize = 7;
const SMALLEST: usize = 16;
const LARGEST: usize = SMALLEST << (CLASSES - 1);
/// What the component brings along, and what is asked for when that is used up.
const ARENA: usize = 64 << 10;

/// An allocator for one thread.
#[derive(Debug)]
pub struct Pool {
    arena: Arena,
    /// Per size, the first free block; each holds the address of the next.
    free: [Cell<*mut u8>; CLASSES],
    /// What has never been given out: from here, so many bytes. Null before the first block.
    fresh: Cell<*mut u8>,
    left: Cell<usize>,
}

#[derive(Debug)]
#[repr(align(16))]
struct Arena(UnsafeCell<[u8; ARENA]>);

// SAFETY: a global allocator has to be shared between threads. Plugins are built without atomics,
// so there is one; the attribute makes a pool the allocator on no other target.
#[cfg(all(target_arch = "wasm32", not(target_feature = "atomics")))]
unsafe impl Sync for Pool {}

impl Pool {
    /// An allocator that has given out nothing yet.
    #[expect(clippy::new_without_default, reason = "made once, in a static")]
    pub const fn new() -> Self {
        Self {
            arena: Arena(UnsafeCell::new([0; ARENA])),
            free: [const { Cell::new(ptr::null_mut()) }; CLASSES],
            fresh: Cell::new(ptr::null_mut()),
            left: Cell::new(0),
        }
    }

    /// A block that was never given out before; null when there is no memory left.
    #[cold]
    #[inline(never)]
    fn fresh(&self, class: usize) -> *mut u8 {
        let size = SMALLEST << class;
        if self.left.get() < size {
            // What is left of the last piece is given up: less than one large block.
            let piece = if self.fresh.get().is_null() {
                self.arena.0.get().cast::<u8>()
            } else {
                // SAFETY: the layout has a size.
                unsafe { large::alloc(Layout::new::<Arena>()) }
            };
            if piece.is_null() {
                return piece;
            }
            self.fresh.set(piece);
            self.left.set(ARENA);
        }
        let block = self.fresh.get();
        // SAFETY: `left` bytes from here belong to the piece, and `size` is no more than that.
        self.fresh.set(unsafe { block.add(size) });
        self.left.set(self.left.get() - size);
        block
    }
}

/// Whether blocks of this layout come from the lists.
#[inline]
fn is_small(layout: Layout) -> bool {
    layout.size() <= LARGEST && layout.align() <= SMALLEST
}

/// Which list has blocks of this size, which is neither zero nor above the largest.
#[inline]
fn class(size: usize) -> usize {
    (usize::BITS - ((size - 1) / SMALLEST).leading_zeros()) as usize
}

// SAFETY: blocks of one class are as large as its largest size, aligned to 16, part of a piece that
// is never given back, and on one list or given out, never both.
unsafe impl GlobalAlloc for Pool {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !is_small(layout) {
            // SAFETY: the caller's promise.
            return unsafe { large::alloc(layout) };
        }
        let class = class(layout.size());
        let block = self.free[class].get();
        if block.is_null() {
            return self.fresh(class);
        }
        // SAFETY: a block on a list begins with the address of the next; see `dealloc`.
        self.free[class].set(unsafe { block.cast::<*mut u8>().read() });
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !is_small(layout) {
            // SAFETY: the caller's promise; it was not small when it was given out, either.
            return unsafe { large::dealloc(block, layout) };
        }
        let class = class(layout.size());
        // SAFETY: the block is of this class, so aligned and large enough for an address, and no
        // longer used by the caller.
        unsafe { block.cast::<*mut u8>().write(self.free[class].get()) };
        self.free[class].set(block);
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if is_small(layout) && size <= LARGEST && class(layout.size()) == class(size) {
            return block;
        }
        // SAFETY: the caller's promise.
        unsafe { self.move_to(block, layout, size) }
    }
}

impl Pool {
    /// Gives a block another size, in another place where need be.
    ///
    /// # Safety
    ///
    /// As of [`GlobalAlloc::realloc`].
    #[inline(never)]
    unsafe fn move_to(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        if !is_small(layout) && !is_small(new) {
            // SAFETY: the caller's promise.
            return unsafe { System.realloc(block, layout, size) };
        }
        // SAFETY: both blocks are as large as is copied, and they are not the same.
        unsafe {
            let copy = self.alloc(new);
            if !copy.is_null() {
                ptr::copy_nonoverlapping(block, copy, layout.size().min(size));
                self.dealloc(block, layout);
            }
            copy
        }
    }
}

/// The standard allocator, out of line: it is long, and called for long blocks.
mod large {
    use std::alloc::{GlobalAlloc, Layout, System};

    #[inline(never)]
    pub(super) unsafe fn alloc(layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    #[inline(never)]
    pub(super) unsafe fn dealloc(block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_fall_into_the_smallest_class_that_holds_them() {
        for size in 1..=LARGEST {
            let class = class(size);
            assert!(size <= SMALLEST << class, "{size}");
            assert!(class == 0 || size > SMALLEST << (class - 1), "{size}");
        }
    }

    /// What is done to one of sixteen blocks.
    #[derive(Clone, Debug)]
    enum Step {
        Allocate(usize, usize, usize),
        Resize(usize, usize),
        Free(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let size = || prop_oneof![1..64_usize, 1..2_000_usize, Just(LARGEST), Just(LARGEST + 1)];
        let align = prop_oneof![Just(1_usize), Just(8), Just(16), Just(64)];
        let step = prop_oneof![
            (0..16_usize, size(), align)
                .prop_map(|(at, size, align)| Step::Allocate(at, size, align)),
            (0..16_usize, size()).prop_map(|(at, size)| Step::Resize(at, size)),
            (0..16_usize).prop_map(Step::Free),
        ];
        prop::collection::vec(step, 1..300)
    }

    /// A block, filled with one byte.
    #[derive(Clone, Copy)]
    struct Block {
        address: *mut u8,
        layout: Layout,
        fill: u8,
    }

    impl Block {
        fn check(self, until: usize) {
            for at in 0..self.layout.size().min(until) {
                // SAFETY: inside of the block.
                assert_eq!(unsafe { self.address.add(at).read() }, self.fill);
            }
        }
    }

    proptest! {
        /// Blocks do not overlap, are aligned, and keep what is written to them.
        #[test]
        fn blocks_are_their_owners(steps in steps()) {
            let pool = Box::new(Pool::new());
            let mut blocks: [Option<Block>; 16] = [None; 16];
            let mut fill = 0_u8;
            let free = |block: Block| {
                block.check(usize::MAX);
                // SAFETY: it came from this pool with this layout, and is not used again.
                unsafe { pool.dealloc(block.address, block.layout) };
            };
            for step in steps {
                fill = fill.wrapping_add(1);
                let (at, address, layout) = match step {
                    Step::Allocate(at, size, align) => {
                        blocks[at].take().into_iter().for_each(free);
                        let layout = Layout::from_size_align(size, align).expect("it is sound");
                        // SAFETY: the layout has a size.
                        (at, unsafe { pool.alloc(layout) }, layout)
                    }
                    Step::Resize(at, size) => {
                        let Some(block) = blocks[at].take() else { continue };
                        block.check(usize::MAX);
                        // SAFETY: it came from this pool with this layout.
                        let address = unsafe { pool.realloc(block.address, block.layout, size) };
                        let layout = Layout::from_size_align(size, block.layout.align())
                            .expect("it is sound");
                        Block { address, layout, ..block }.check(block.layout.size());
                        (at, address, layout)
                    }
                    Step::Free(at) => {
                        blocks[at].take().into_iter().for_each(free);
                        continue;
                    }
                };
                prop_assert!(!address.is_null());
                prop_assert_eq!(address as usize % layout.align(), 0);
                // SAFETY: the block is as large as its layout.
                unsafe { address.write_bytes(fill, layout.size()) };
                blocks[at] = Some(Block { address, layout, fill });
            }
            blocks.into_iter().flatten().for_each(free);
        }
    }

    #[test]
    fn what_is_given_back_is_given_out_again() {
        let pool = Box::new(Pool::new());
        let layout = Layout::from_size_align(100, 1).expect("it is sound");
        // SAFETY: blocks are given back with their layout and not used after.
        unsafe {
            let first = pool.alloc(layout);
            let second = pool.alloc(layout);
            pool.dealloc(first, layout);
            pool.dealloc(second, layout);
            assert_eq!(pool.alloc(layout), second);
            assert_eq!(pool.alloc(layout), first);
            let third = pool.alloc(layout);
            assert!(third != first && third != second);
        }
    }

    #[test]
    fn more_than_the_arena_is_given_out() {
        let pool = Box::new(Pool::new());
        let layout = Layout::from_size_align(LARGEST, 16).expect("it is sound");
        // SAFETY: the layout has a size.
        let mut blocks: Vec<_> = (0..200).map(|_| unsafe { pool.alloc(layout) } as usize).collect();
        blocks.sort_unstable();
        assert!(blocks.windows(2).all(|pair| pair[0] + LARGEST <= pair[1]));
    }
}
