//! The free memory of the heap before a snapshot.

/// Writes zeros over what is free. An image then holds no leftovers of the evaluation, and pages
/// of nothing but zeros take no place in it.
///
/// Takes blocks of a size until memory has to grow for one, so that all free memory of that size
/// has been taken, and gives them back; then larger ones, to clear what the allocator has written
/// between those before.
#[cfg(target_family = "wasm")]
pub(crate) fn clear_free() {
    const SIZES: [usize; 4] = [64, 1 << 10, 4 << 10, 16 << 10];
    for size in SIZES {
        let mut last = Block::NONE;
        let end = core::arch::wasm32::memory_size(0);
        while core::arch::wasm32::memory_size(0) == end {
            match last.take_another(size) {
                Some(block) => last = block,
                None => break,
            }
        }
        last.give_all_back();
    }
}

/// The host's heap is not made into an image.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn clear_free() {}

/// A block of zeros that begins with the block taken before it, and that one's size.
#[cfg(target_family = "wasm")]
#[derive(Clone, Copy)]
struct Block {
    at: *mut Block,
    size: usize,
}

#[cfg(target_family = "wasm")]
impl Block {
    const NONE: Self = Self {
        at: std::ptr::null_mut(),
        size: 0,
    };

    fn layout(size: usize) -> Option<std::alloc::Layout> {
        std::alloc::Layout::from_size_align(size, align_of::<Self>()).ok()
    }

    fn take_another(self, size: usize) -> Option<Self> {
        // SAFETY: the layout has a size, of more than a `Block`.
        let at = unsafe { std::alloc::alloc_zeroed(Self::layout(size)?) }.cast::<Self>();
        if at.is_null() {
            return None;
        }
        // SAFETY: it is large enough and aligned for one, and nobody else's.
        unsafe { at.write(self) };
        Some(Self { at, size })
    }

    fn give_all_back(self) {
        let mut block = self;
        while let (false, Some(layout)) = (block.at.is_null(), Self::layout(block.size)) {
            let at = block.at;
            // SAFETY: `take_another` has made it with this layout, and written a `Block` there.
            unsafe {
                block = at.read();
                at.write(Self::NONE);
                std::alloc::dealloc(at.cast(), layout);
            }
        }
    }
}
