//! The smallest answer of a component with wasi:http 0.2: 200, `text/plain`, "hello".
//!
//! For benchmarks. It has no standard library, so that it imports nothing but wasi:http and wasi:io
//! and no adapter stands between, and it never gives memory back: an instance answers once.

#![no_std]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::panic::PanicInfo;

use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

struct Hello;

wasip2::http::proxy::export!(Hello);

impl wasip2::exports::http::incoming_handler::Guest for Hello {
    fn handle(_request: IncomingRequest, answer: ResponseOutparam) {
        let fields = Fields::new();
        let _ = fields.append("content-type", b"text/plain");
        let response = OutgoingResponse::new(fields);
        let Ok(body) = response.body() else { return };
        ResponseOutparam::set(answer, Ok(response));
        if let Ok(stream) = body.write() {
            let _ = stream.blocking_write_and_flush(b"hello");
        }
        let _ = OutgoingBody::finish(body, None);
    }
}

#[global_allocator]
static ALLOCATOR: Arena = Arena(Cell::new(0));

/// Hands out one fixed piece of memory from its start to its end.
struct Arena(Cell<usize>);

const ARENA_BYTES: usize = 16 << 10;
static mut MEMORY: [u8; ARENA_BYTES] = [0; ARENA_BYTES];

// SAFETY: an instance has one thread.
unsafe impl Sync for Arena {}

// SAFETY: pieces do not overlap, since `used` only grows, and none goes beyond `MEMORY`.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = &raw mut MEMORY as usize;
        let start = (base + self.0.get()).next_multiple_of(layout.align());
        let used = start - base + layout.size();
        if used > ARENA_BYTES {
            return core::ptr::null_mut();
        }
        self.0.set(used);
        start as *mut u8
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
