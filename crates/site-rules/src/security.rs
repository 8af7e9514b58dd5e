//! The fields that `security_headers = true` adds where nobody has set them.
//!
//! Only what a page of one's own hardly ever needs is taken away; a `Content-Security-Policy` is left to
//! the site, which alone knows what it loads.

/// Names in lower case, and values.
pub const SECURITY_FIELDS: [(&str, &str); 5] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "SAMEORIGIN"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    ("cross-origin-opener-policy", "same-origin"),
];
