//! Machine code that may be loaded, and how its pages become executable.

use memmap2::MmapMut;
use wasmtime::{CustomCodeMemory, Engine, Module};

/// Machine code made by [`compile`](crate::compile), in pages of its own. Owning one is the proof
/// that loading it is sound.
#[derive(Debug, Clone, Copy)]
pub struct NativeCode {
    bytes: &'static [u8],
}

impl NativeCode {
    /// Claims that `bytes`, page aligned and never written again, are native code.
    ///
    /// # Safety
    ///
    /// `bytes` must be unmodified output of the compiler of this crate, of any version: wasmtime
    /// refuses another version or other settings, but it cannot tell a forgery.
    #[expect(
        unsafe_code,
        reason = "trust in machine code is claimed here, and only here"
    )]
    pub unsafe fn assume_trusted(bytes: &'static [u8]) -> Self {
        Self { bytes }
    }

    /// The code as a module; it is executed where it lies.
    #[expect(
        unsafe_code,
        reason = "trust in machine code is spent here and in into_component"
    )]
    pub(crate) fn into_module(self, engine: &Engine) -> wasmtime::Result<Module> {
        // SAFETY: this is a NativeCode, so the compiler of this crate wrote these bytes and they
        // live unchanged for ever. wasmtime refuses another version or other settings.
        unsafe { Module::deserialize_raw(engine, self.bytes.into()) }
    }

    /// The code as a component; it is executed where it lies.
    #[cfg(feature = "components")]
    #[expect(
        unsafe_code,
        reason = "trust in machine code is spent here and in into_module"
    )]
    pub(crate) fn into_component(
        self,
        engine: &Engine,
    ) -> wasmtime::Result<wasmtime::component::Component> {
        // SAFETY: as in `into_module`.
        unsafe { wasmtime::component::Component::deserialize_raw(engine, self.bytes.into()) }
    }
}

/// Code that was compiled by this crate, now or when it was put into a cache, as a module.
#[cfg(feature = "compile")]
#[expect(
    unsafe_code,
    reason = "trust in the compiler's own output is claimed and spent at once"
)]
pub(crate) fn module_of_compiled(
    engine: &Engine,
    compiled: &crate::compile::Compiled,
) -> wasmtime::Result<Module> {
    // SAFETY: a `Compiled` is what the compiler of this crate made. The bundler also makes one of
    // what it has kept in the user's own cache; who can write there can change `wws` as well.
    unsafe { Module::deserialize(engine, &compiled.code) }
}

/// Fresh pages for `length` bytes, filled by `fill`, which live as long as the process: a worker
/// is loaded once and never unloaded.
pub fn leak_pages<E: From<std::io::Error>>(
    length: usize,
    fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
) -> Result<&'static [u8], E> {
    let mut pages = MmapMut::map_anon(length.max(1))?;
    fill(&mut pages[..length])?;
    let pages: &'static MmapMut = Box::leak(Box::new(pages));
    Ok(&pages[..length])
}

/// Makes mapped pages executable where they lie, whoever mapped them.
#[derive(Debug)]
pub(crate) struct InPlace;

impl CustomCodeMemory for InPlace {
    fn required_alignment(&self) -> usize {
        rustix::param::page_size()
    }

    fn publish_executable(&self, start: *const u8, length: usize) -> wasmtime::Result<()> {
        use rustix::mm::MprotectFlags;
        protect(start, length, MprotectFlags::READ | MprotectFlags::EXEC)
    }

    /// Back to readable only: nothing writes to code after it was loaded.
    fn unpublish_executable(&self, start: *const u8, length: usize) -> wasmtime::Result<()> {
        protect(start, length, rustix::mm::MprotectFlags::READ)
    }
}

#[expect(
    unsafe_code,
    reason = "wasmtime leaves the protection of foreign pages to its embedder"
)]
fn protect(
    start: *const u8,
    length: usize,
    flags: rustix::mm::MprotectFlags,
) -> wasmtime::Result<()> {
    // SAFETY: wasmtime calls this with the text of code memory that it holds: whole pages, of a
    // `NativeCode` (which lives for ever) or of a mapping of its own, that hold nothing else and
    // that no Rust reference writes to. Taking away the right to write cannot break a reader.
    unsafe { rustix::mm::mprotect(start.cast_mut().cast(), length, flags)? };
    Ok(())
}
