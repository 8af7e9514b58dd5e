//! The heap before a snapshot.

/// Leaves a heap that requests are quick in: without leftovers, and with its free memory in one
/// piece.
///
/// A request copies every page that it writes to. So what is free in small pieces, all over the
/// heap, is taken for good: what a request allocates then lies side by side. All of it is cleared,
/// so that an image holds no leftovers, and pages of nothing but zeros take no place in it.
#[cfg(target_family = "wasm")]
pub(crate) fn settle() {
    const LARGE: usize = 16 << 10;
    const SMALL: [usize; 4] = [2048, 256, 32, 8];
    let large = Blocks::take_all(LARGE);
    for size in SMALL {
        Blocks::take_all(size).keep_below(large.end);
    }
    large.keep_below(0);
    // What the allocator has written between the blocks.
    Blocks::take_all(LARGE).keep_below(0);
}

/// The host's heap is not made into an image.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn settle() {}

/// Blocks of zeros of one size.
#[cfg(target_family = "wasm")]
struct Blocks {
    last: *mut Block,
    layout: std::alloc::Layout,
    /// Where memory ended before the last of them.
    end: usize,
}

/// A block begins with the place of the one that was taken before it.
#[cfg(target_family = "wasm")]
struct Block {
    before: *mut Block,
}

#[cfg(target_family = "wasm")]
impl Blocks {
    /// Takes blocks until memory has to grow for one: then no free ones are left.
    fn take_all(size: usize) -> Self {
        const WASM_PAGE: usize = 65536;
        let pages = core::arch::wasm32::memory_size(0);
        let mut blocks = Self {
            last: std::ptr::null_mut(),
            layout: std::alloc::Layout::new::<Block>(),
            end: pages * WASM_PAGE,
        };
        let Ok(layout) = std::alloc::Layout::from_size_align(size, align_of::<Block>()) else {
            return blocks;
        };
        blocks.layout = layout;
        while core::arch::wasm32::memory_size(0) == pages {
            // SAFETY: the layout has a size, of more than a `Block`.
            let block = unsafe { std::alloc::alloc_zeroed(layout) }.cast::<Block>();
            if block.is_null() {
                break;
            }
            // SAFETY: it is large enough and aligned for one, and nobody else's.
            unsafe {
                block.write(Block {
                    before: blocks.last,
                })
            };
            blocks.last = block;
        }
        blocks
    }

    /// Gives back all blocks from this address on, and clears what is kept.
    fn keep_below(&self, address: usize) {
        let mut block = self.last;
        while !block.is_null() {
            // SAFETY: `take_all` has made every block of the list with this layout, and written a
            // `Block` there; each is read and given back once.
            unsafe {
                let before = block.read().before;
                block.write(Block {
                    before: std::ptr::null_mut(),
                });
                if block.addr() >= address {
                    std::alloc::dealloc(block.cast(), self.layout);
                }
                block = before;
            }
        }
    }
}
