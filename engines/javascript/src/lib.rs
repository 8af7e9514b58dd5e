//! The JavaScript engine of bundles: QuickJS-ng and the web platform in one module.
//!
//! `script-abi` says what it exports and imports. [`Realm`] is all of its state: made by
//! `prepare`, given a script by `load`, and then copied with the whole memory; every request finds
//! it as `load` has left it.

mod heap;
#[cfg_attr(
    target_family = "wasm",
    allow(unused_imports, reason = "for the native program")
)]
mod host;
mod modules;
mod native;
mod natives;
mod operations;
mod realm;
#[cfg(target_family = "wasm")]
mod wasi;

#[cfg(not(target_family = "wasm"))]
pub use crate::host::recorder;
pub use crate::realm::Realm;

#[cfg(target_family = "wasm")]
mod exports {
    use std::cell::OnceCell;

    use script_abi::{Event, Level};

    use crate::host;
    use crate::realm::Realm;

    /// There is one thread and one realm, which is never dropped.
    struct Only(OnceCell<Realm>);

    // SAFETY: the module has one thread.
    unsafe impl Sync for Only {}

    static REALM: Only = Only(OnceCell::new());

    /// The sources that this module was built from, for whoever checks that they belong together.
    #[unsafe(no_mangle)]
    #[used]
    pub static SOURCES_HASH: &str = env!("WWS_SOURCES_HASH");

    unsafe extern "C" {
        fn __wasm_call_ctors();
    }

    #[unsafe(no_mangle)]
    extern "C" fn prepare() {
        // SAFETY: once, before anything else. The linker would have every export call it if none
        // did, and destructors with it.
        unsafe { __wasm_call_ctors() };
        std::panic::set_hook(Box::new(|panic| {
            host::log(Level::Error, &format!("the JavaScript engine: {panic}"));
        }));
        if let Ok(realm) = Realm::new() {
            let _ = REALM.0.set(realm);
        }
    }

    #[unsafe(no_mangle)]
    extern "C" fn load(length: usize) -> u32 {
        let script = host::input(length);
        REALM
            .0
            .get()
            .is_some_and(|realm| realm.load(&script))
            .into()
    }

    #[unsafe(no_mangle)]
    extern "C" fn request(id: u32, length: usize) -> f64 {
        let head = host::input(length);
        REALM
            .0
            .get()
            .map_or(f64::INFINITY, |realm| realm.request(id, head))
    }

    #[unsafe(no_mangle)]
    extern "C" fn resume(event: u32, id: u32) -> f64 {
        match (REALM.0.get(), Event::from_number(event)) {
            (Some(realm), Some(event)) => realm.resume(event, id),
            _ => f64::INFINITY,
        }
    }

    #[unsafe(no_mangle)]
    extern "C" fn settled(number: u32, length: usize) -> f64 {
        let outcome = host::input(length);
        REALM
            .0
            .get()
            .map_or(f64::INFINITY, |realm| realm.settled(number, &outcome))
    }
}
