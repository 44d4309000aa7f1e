//! The one list of reasons for which a message is refused.
//!
//! It names faults of form alone, and no status: the answers to them are written in one other place.

/// Why a message was refused. The one list for both directions; answers are chosen elsewhere.
///
/// The answer that fits a request is named in parentheses: without one it is 400. The connection is
/// closed after each of them, except where `check` of the proxy found it in a well-framed request.
/// In an answer of an upstream each of them means a bad gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// A line ends in a bare LF, or a CR stands alone.
    #[error("a line of the head does not end in CRLF")]
    LineEnd,
    /// The first line is not `METHOD target HTTP/x.y`.
    #[error("the request line is malformed")]
    RequestLine,
    /// The first line is not `HTTP/x.y NNN reason` with a status of 100 to 599.
    #[error("the status line is malformed")]
    StatusLine,
    /// Neither HTTP/1.0 nor HTTP/1.1. (505)
    #[error("the version is neither HTTP/1.0 nor HTTP/1.1")]
    Version,
    /// The target has a fragment, user information, a forbidden byte or a form that does not fit.
    #[error("the target is malformed")]
    Target,
    /// The target is longer than [`super::HeadLimits::target`]. (414)
    #[error("the target is too long")]
    TargetTooLong,
    /// `CONNECT`, `TRACE`. (405)
    #[error("the method is not allowed")]
    Method,
    /// A field name is empty, not a token, or followed by a blank.
    #[error("a field name is malformed")]
    FieldName,
    /// A field value holds a control byte.
    #[error("a field value holds a control byte")]
    FieldValue,
    /// A field is continued on a second line.
    #[error("a field is folded over two lines")]
    Folded,
    /// The head is longer than [`super::HeadLimits::bytes`]. (431)
    #[error("the head is too large")]
    HeadTooLarge,
    /// More fields than [`super::HeadLimits::fields`]; repeated names count. (431)
    #[error("the head has too many fields")]
    TooManyFields,
    /// HTTP/1.1 without `Host`, or HTTP/2 without any authority.
    #[error("no host is named")]
    HostMissing,
    /// `Host` twice, even if equal.
    #[error("the host is named twice")]
    HostRepeated,
    /// `Host`, `:authority` or the authority of the target is not a host with an optional port.
    #[error("the host is not a valid authority")]
    HostInvalid,
    /// `Host` and the authority of the target name different hosts.
    #[error("host and target disagree")]
    HostDisagrees,
    /// `Content-Length` is not 1 to 19 digits.
    #[error("the content length is not a number")]
    LengthInvalid,
    /// `Content-Length` twice, even if equal.
    #[error("the content length is given twice")]
    LengthRepeated,
    /// `Transfer-Encoding` twice, as a list, or with a spelling that is not exactly `chunked`.
    #[error("the transfer coding is not exactly `chunked`")]
    CodingInvalid,
    /// `Transfer-Encoding` names one coding, and not a known one. (501)
    #[error("the transfer coding is unknown")]
    CodingUnknown,
    /// `Transfer-Encoding` beside `Content-Length`.
    #[error("both a content length and a transfer coding are given")]
    LengthAndCoding,
    /// `Transfer-Encoding` in an HTTP/1.0 message.
    #[error("a transfer coding in an HTTP/1.0 message")]
    CodingInOldVersion,
    /// A chunk size is not 1 to 16 hexadecimal digits, or does not fit.
    #[error("a chunk size is malformed")]
    ChunkSize,
    /// A chunk extension is longer than 256 bytes or holds a control byte.
    #[error("a chunk extension is too long or malformed")]
    ChunkExtension,
    /// A chunk is not followed by CRLF.
    #[error("a chunk does not end where its size says")]
    ChunkEnd,
    /// The trailers exceed 8 KiB or are malformed.
    #[error("the trailers are too large or malformed")]
    Trailers,
    /// `Expect` with anything but one `100-continue`. (417)
    #[error("the expectation cannot be met")]
    Expectation,
    /// The path leaves the root, or holds an escape that is read differently by different readers.
    #[error("the path is ambiguous")]
    Path,
    /// The head did not arrive in time. (408)
    #[error("the head did not arrive in time")]
    HeadTimeout,
    /// More connections than this host takes. (503, with `Retry-After`)
    #[error("too many connections are open")]
    Overloaded,
    /// More interim answers than an upstream may send before the real one.
    #[error("too many interim answers")]
    TooManyInterim,
    /// A change of protocol that nobody asked for.
    #[error("the protocol was changed unasked")]
    UnaskedUpgrade,
}
