//! Names of images from the command line: whatever is accepted reads back as itself.

#![no_main]

use libfuzzer_sys::fuzz_target;
use oci_image::ImageName;

fuzz_target!(|text: &str| {
    if let Ok(name) = ImageName::parse(text) {
        assert_eq!(ImageName::parse(&name.to_string()), Ok(name.clone()));
        let canonical = ImageName::parse(&name.canonical()).expect("a complete name is a name");
        assert_eq!(canonical.title(), name.title());
    }
    let of_file = ImageName::of_file(text);
    assert_eq!(ImageName::parse(&of_file.to_string()), Ok(of_file));
});
