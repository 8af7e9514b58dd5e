//! The rights of root, one by one (see capabilities(7)).

use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capability_is_in_bounding_set, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities,
};

/// Takes all from the set that bounds what a program can ever get, as long as that is allowed.
pub(super) fn bound() -> Result<(), Errno> {
    for capability in CapabilitySet::all().iter() {
        // A kernel that does not know one does not give it either.
        if capability_is_in_bounding_set(capability) != Ok(true) {
            continue;
        }
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            // Without the right to it there is nothing to bound, since no program is executed.
            Err(Errno::PERM) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Gives all up. Anybody may.
pub(super) fn clear() -> Result<(), Errno> {
    match clear_ambient_capability_set() {
        // Linux before 4.3 has no such set.
        Ok(()) | Err(Errno::INVAL) => {}
        Err(error) => return Err(error),
    }
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, none)
}
