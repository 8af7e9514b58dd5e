//! Which request methods an asset answers (RFC 9110 sections 9.1, 15.5.6 and 15.6.2).
//!
//! A method the standard knows but an asset does not take is refused with 405 and [`ALLOW`];
//! a method nobody here has heard of is refused with 501. Method names are case-sensitive.

use http::Method;

/// The value of the `Allow` field that goes with a 405 or the answer to `OPTIONS`.
pub const ALLOW: &str = "GET, HEAD, OPTIONS";

/// A method that an asset answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssetMethod {
    /// Headers and content.
    Get,
    /// The headers of `GET`, no content.
    Head,
    /// The `Allow` field, no content.
    Options,
}

/// Why an asset does not answer a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MethodRefusal {
    /// A standard method that assets do not take: 405, with [`ALLOW`].
    #[error("an asset answers only {ALLOW}")]
    NotAllowed,
    /// A method this server does not know: 501.
    #[error("the request method is not known")]
    NotImplemented,
}

/// Returns the method as one that assets answer.
///
/// # Errors
/// [`MethodRefusal`], which says whether the answer is 405 or 501.
pub fn asset_method(method: &Method) -> Result<AssetMethod, MethodRefusal> {
    match *method {
        Method::GET => Ok(AssetMethod::Get),
        Method::HEAD => Ok(AssetMethod::Head),
        Method::OPTIONS => Ok(AssetMethod::Options),
        Method::POST
        | Method::PUT
        | Method::DELETE
        | Method::PATCH
        | Method::TRACE
        | Method::CONNECT => Err(MethodRefusal::NotAllowed),
        _ => Err(MethodRefusal::NotImplemented),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &str, want: Result<AssetMethod, MethodRefusal>) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(asset_method(&method), want, "{method}");
    }

    #[test]
    fn exactly_the_methods_of_the_allow_field_are_answered() {
        check("GET", Ok(AssetMethod::Get));
        check("HEAD", Ok(AssetMethod::Head));
        check("OPTIONS", Ok(AssetMethod::Options));
        for method in ALLOW.split(", ") {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert!(asset_method(&method).is_ok(), "{method}");
        }
        assert_eq!(ALLOW.split(", ").count(), 3);
    }

    #[test]
    fn other_standard_methods_are_not_allowed() {
        for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT"] {
            check(method, Err(MethodRefusal::NotAllowed));
        }
    }

    #[test]
    fn unknown_methods_and_other_spellings_are_not_implemented() {
        for method in ["BREW", "PROPFIND", "get", "Head", "GETX", "G"] {
            check(method, Err(MethodRefusal::NotImplemented));
        }
    }
}
