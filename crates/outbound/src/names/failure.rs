//! Why a name has no address.

use std::io;
use std::sync::Arc;

use domain::base::iana::Rcode;

use super::answer::BadAnswer;
use super::question::BadName;

/// Why a name has no address. Cheap to clone: all who have waited for a name are told.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The DNS knows the name without one, or does not know it.
    #[error("there is no such name, or it has no address")]
    NoAddress,
    /// No server was asked.
    #[error(transparent)]
    BadName(#[from] BadName),
    /// No answer in time.
    #[error("the DNS server does not answer")]
    Timeout,
    /// Nothing can be sent to the server, or nobody listens there.
    #[error("the DNS server cannot be reached: {0}")]
    Unreachable(Arc<io::Error>),
    /// The server says that it cannot or does not want to.
    #[error("the DNS server answers {0}")]
    Refused(Rcode),
    /// The server says what makes no sense.
    #[error("the DNS server answers what is no answer: {0}")]
    BadAnswer(#[from] BadAnswer),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Unreachable(Arc::new(error))
    }
}
