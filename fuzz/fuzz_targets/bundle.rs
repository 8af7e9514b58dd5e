//! Any bytes as a bundle: opening and walking all of it never panics, whatever the hashes say.
#![no_main]

use bundle_format::Bundle;
use bundle_format::index::EntryId;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(bundle) = Bundle::open(bytes::Bytes::copy_from_slice(bytes)) else { return };
    let _ = bundle.index().verify();
    let _ = bundle.rules();
    let _ = bundle.index().find("/");
    for number in 0..bundle.meta().index.entries.min(1000) {
        let _ = bundle.path(EntryId(number));
        if let Ok(entry) = bundle.index().entry(EntryId(number)) {
            let _ = bundle.resolve(entry);
        }
    }
    for worker in &bundle.meta().workers {
        let _ = bundle.code_bytes(&worker.code);
    }
});
