//! The bundle that the kernel mapped when it started this program.
//!
//! No file is opened, not even this executable: the kernel has mapped the bundle's segment, and
//! says in the auxiliary vector where the program headers lie. So it works without `/proc`, from a
//! file that has been renamed or deleted, through `fexecve`, and as PID 1.

use bundle_format::elf::{ElfError, PROGRAM_HEADER_BYTES, bundle_segment, file_start_address};

const ELF_HEADER_BYTES: u64 = 64;

/// The bytes of this program's own bundle.
///
/// # Errors
///
/// [`ElfError::NoBundle`] if this is a bare stub, [`ElfError::Truncated`] if the file ends before
/// the bundle does: the last byte is probed with a system call, since reading a page beyond the end
/// of a file would end the process by SIGBUS.
#[expect(
    unsafe_code,
    reason = "only the auxiliary vector says where the kernel mapped the bundle"
)]
pub fn own_bundle() -> Result<&'static [u8], ElfError> {
    // SAFETY: getauxval reads a vector that the kernel wrote before the program began.
    let (table, count) = unsafe {
        (
            libc::getauxval(libc::AT_PHDR),
            libc::getauxval(libc::AT_PHNUM),
        )
    };
    let length = usize::try_from(count)
        .ok()
        .and_then(|n| n.checked_mul(PROGRAM_HEADER_BYTES));
    let (Some(length), false) = (length, table == 0) else {
        return Err(ElfError::Damaged);
    };
    let start = std::ptr::with_exposed_provenance::<u8>(address(table)?);
    // SAFETY: AT_PHDR and AT_PHNUM describe this program's headers, which the kernel mapped
    // read-only with the first segment, for as long as the process lives.
    let headers = unsafe { std::slice::from_raw_parts(start, length) };
    let segment = bundle_segment(headers).ok_or(ElfError::NoBundle)?;
    // The first segment begins with the file, whose ELF header is followed by these headers.
    let first = file_start_address(headers).ok_or(ElfError::Damaged)?;
    let bias = table.wrapping_sub(ELF_HEADER_BYTES).wrapping_sub(first);
    let begin = address(bias.wrapping_add(segment.address))?;
    let length = address(segment.file_bytes)?;
    let last = begin.checked_add(length).and_then(|end| end.checked_sub(1));
    if !is_readable(begin) || !last.is_some_and(is_readable) {
        return Err(ElfError::Truncated);
    }
    // SAFETY: the kernel mapped the segment there at exec, private and read-only, and nobody
    // unmaps it. The file has all of its bytes, since its last one could be read.
    Ok(unsafe {
        std::slice::from_raw_parts(std::ptr::with_exposed_provenance::<u8>(begin), length)
    })
}

fn address(value: u64) -> Result<usize, ElfError> {
    usize::try_from(value).map_err(|_| ElfError::Damaged)
}

/// Whether the byte at that address can be read: the kernel answers a write from a bad one with
/// an error instead of a signal.
#[expect(
    unsafe_code,
    reason = "the kernel is asked about an address that may be bad"
)]
fn is_readable(at: usize) -> bool {
    let Ok((_reader, writer)) = rustix::pipe::pipe() else {
        return false;
    };
    use std::os::fd::AsRawFd;
    // SAFETY: write(2) only reads the byte, in the kernel, and fails with EFAULT where it cannot.
    let written =
        unsafe { libc::write(writer.as_raw_fd(), std::ptr::with_exposed_provenance(at), 1) };
    written == 1
}
