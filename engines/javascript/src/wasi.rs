//! The functions of WASI that the C library is linked to, answered here: there are no files, and
//! no environment, and the clock is that of `script-abi`. What is left is Rust's own import of
//! random bytes. Every import has to be given to every instance, which takes its time.
//!
//! The names are those that the C library has for its imports; a definition goes before an import.

/// "Bad file descriptor".
const EBADF: i32 = 8;

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_fd_close(_: i32) -> i32 {
    EBADF
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_fd_fdstat_get(_: i32, _: i32) -> i32 {
    EBADF
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_fd_seek(_: i32, _: i64, _: i32, _: i32) -> i32 {
    EBADF
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_fd_write(_: i32, _: i32, _: i32, _: i32) -> i32 {
    EBADF
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_environ_get(_: i32, _: i32) -> i32 {
    0
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_environ_sizes_get(
    count: *mut u32,
    size: *mut u32,
) -> i32 {
    // SAFETY: the C library passes two places for numbers.
    unsafe {
        count.write(0);
        size.write(0);
    }
    0
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_clock_time_get(
    id: i32,
    _: i64,
    to: *mut u64,
) -> i32 {
    // 0 is the wall clock; the others only ever move on.
    let ms = match id {
        0 => crate::host::now(),
        _ => crate::host::elapsed(),
    };
    // SAFETY: the C library passes a place for a time, in nanoseconds.
    unsafe { to.write((ms * 1e6) as u64) };
    0
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_proc_exit(_: i32) -> ! {
    core::arch::wasm32::unreachable()
}
