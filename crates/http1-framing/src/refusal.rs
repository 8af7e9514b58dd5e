//! Why bytes do not pass.

/// What is wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A line that ends with LF alone. RFC 9112, 2.2 allows to accept it; others do not.
    #[error("a line ends with LF and not with CR LF")]
    BareLf,
    /// A CR with no LF after it (RFC 9112, 2.2).
    #[error("a CR has no LF after it")]
    BareCr,
    /// More than one empty line before a request (RFC 9112, 2.2).
    #[error("there is more than one empty line before the request")]
    EmptyLines,
    /// No token, or none that any method could be (RFC 9110, 9.1).
    #[error("the method is no token")]
    Method,
    /// In none of the four forms, or in one that the method does not have (RFC 9112, 3.2).
    #[error("the request target is in none of the forms that its method has")]
    Target,
    /// Bytes in a path or query that stand in no URI: `<`, `>`, a `` ` `` in a path, a `"` in a query; or
    /// bytes above ASCII that are no UTF-8. Those are framed beyond doubt, but the http crate refuses them.
    #[error("the request target has bytes that stand in no URI")]
    TargetBytes,
    /// Longer than the limit.
    #[error("the request target is longer than the limit")]
    TargetTooLong,
    /// No `HTTP/1.1`, but something else in the place of the version.
    #[error("the request line does not end with a version of HTTP")]
    RequestLine,
    /// A version that is neither 1.0 nor 1.1.
    #[error("the version of HTTP is neither 1.0 nor 1.1")]
    Version,
    /// An empty name, one that is no token, or a line without a colon.
    #[error("the name of a field is no token")]
    FieldName,
    /// A blank between a name and its colon (RFC 9112, 5.1).
    #[error("there is a blank before the colon of a field")]
    BlankBeforeColon,
    /// A line that continues the one before (RFC 9112, 5.2).
    #[error("a field is folded over two lines")]
    Fold,
    /// A control character in a value (RFC 9110, 5.5).
    #[error("a field has a control character in its value")]
    FieldValue,
    /// Head or trailers are longer than the limit.
    #[error("head or trailers are longer than the limit")]
    FieldsTooLarge,
    /// Head or trailers have more fields than the limit.
    #[error("head or trailers have more fields than the limit")]
    TooManyFields,
    /// No `Host` in HTTP/1.1, or more than one (RFC 9112, 3.2).
    #[error("there is not exactly one Host")]
    Hosts,
    /// The host, or the authority of the target, is none (RFC 9112, 3.2; RFC 3986, 3.2.2).
    #[error("the host is neither a name nor an address")]
    Host,
    /// Not digits alone, or more than 64 bits hold (RFC 9112, 6.3).
    #[error("the Content-Length is no number")]
    Length,
    /// Even if they are the same, which RFC 9112, 6.3 allows to accept.
    #[error("there is more than one Content-Length")]
    Lengths,
    /// Anything but `chunked`, once (RFC 9112, 6.1 and 6.3).
    #[error("the Transfer-Encoding is not just `chunked`")]
    TransferEncoding,
    /// In HTTP/1.0 (RFC 9112, 6.1).
    #[error("there is a Transfer-Encoding in HTTP/1.0")]
    TransferEncodingIn10,
    /// Both of them (RFC 9112, 6.1).
    #[error("there is a Transfer-Encoding and a Content-Length")]
    TwoFramings,
    /// Not hexadecimal digits alone, or more than 16 (RFC 9112, 7.1).
    #[error("the size of a chunk is no number")]
    ChunkSize,
    /// Longer than 256 bytes, or with a control character (RFC 9112, 7.1.1).
    #[error("the extension of a chunk is too long, or has a control character")]
    ChunkExtension,
    /// No CR LF after the data of a chunk.
    #[error("a chunk does not end where its size says")]
    ChunkEnd,
    /// `Content-Length`, `Host` or `Transfer-Encoding` (RFC 9110, 6.5.1).
    #[error("the trailers have a field that may only stand in the head")]
    Trailer,
}

impl Refusal {
    /// The status of the answer.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::TargetTooLong => 414,
            Self::FieldsTooLarge | Self::TooManyFields => 431,
            Self::Version => 505,
            _ => 400,
        }
    }
}
