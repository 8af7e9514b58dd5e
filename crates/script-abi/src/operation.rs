//! What a script has its host do while it waits: calls to other servers, and the key-value store.
//!
//! An [`Operation`] begins with `operate` and ends with `settled`, which brings its [`Outcome`].
//! Bodies go piece by piece, each as an operation of its own: whoever is slower is waited for.

use serde::{Deserialize, Serialize};

/// The most keys that one operation names.
pub const KEYS_MAX: usize = 1000;

/// What a script asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation<'o> {
    /// Makes a call: an [`Outcome::Answer`]. The number of this operation is that of the call.
    Fetch {
        /// The method.
        method: &'o str,
        /// Absolute.
        url: &'o str,
        /// Names in lower case.
        #[serde(borrow)]
        headers: Vec<(&'o [u8], &'o [u8])>,
        /// What is sent.
        body: FetchBody<'o>,
        /// What happens to an answer that leads elsewhere.
        redirect: Redirect,
    },
    /// The next piece of the body of a call: [`Outcome::Done`] when there is room for another.
    Send {
        /// Of which call.
        call: u32,
        /// `None`: the end.
        piece: Option<&'o [u8]>,
    },
    /// Asks for more of the body of an answer: an [`Outcome::Piece`], or [`Outcome::Done`] at its
    /// end.
    Receive {
        /// Of which call.
        call: u32,
    },
    /// Ends an operation, and the call with this number. Has no outcome.
    Cancel {
        /// Its number.
        number: u32,
    },
    /// The key-value store.
    Kv(KvOperation<'o>),
    /// The storage of the transaction that a request is. The outcome is there at once: `operate`
    /// gives its length, and `input` what it is.
    Cache(CacheOperation<'o>),
}

/// The body of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FetchBody<'o> {
    /// There is none.
    None,
    /// All of it.
    Whole(&'o [u8]),
    /// By [`Operation::Send`].
    Stream,
}

/// What happens to an answer that leads elsewhere (Fetch, 2.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Redirect {
    /// It is followed.
    Follow,
    /// It is the answer.
    Manual,
    /// It is an error.
    Error,
}

/// What a script does with its key-value store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KvOperation<'o> {
    /// An [`Outcome::Values`] of one.
    Get(&'o [u8]),
    /// An [`Outcome::Values`], in this order.
    GetMany(Vec<&'o [u8]>),
    /// Sets or deletes all of these or none: [`Outcome::Done`].
    Write(#[serde(borrow)] Vec<(&'o [u8], Option<&'o [u8]>)>),
    /// [`Outcome::Is`]: whether it was there.
    Delete(&'o [u8]),
    /// An [`Outcome::Keys`].
    List {
        /// What they begin with.
        prefix: &'o [u8],
        /// What they come after.
        after: Option<&'o [u8]>,
        /// How many at most.
        limit: u32,
    },
    /// [`Outcome::Sum`].
    Increment {
        /// The key.
        key: &'o [u8],
        /// What is added.
        delta: i64,
    },
    /// [`Outcome::Is`]: whether the value was the expected one, and so was replaced.
    CompareAndSet {
        /// The key.
        key: &'o [u8],
        /// `None`: not there.
        expected: Option<&'o [u8]>,
        /// `None` deletes.
        value: Option<&'o [u8]>,
    },
}

/// What a script does with `Cache`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CacheOperation<'o> {
    /// An [`Outcome::Values`] of one.
    Get(&'o [u8]),
    /// Sets, or with `None` deletes: [`Outcome::Done`].
    Set(&'o [u8], Option<&'o [u8]>),
}

/// What has become of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome<'o> {
    /// Nothing more is to be said.
    Done,
    /// The head of an answer.
    Answer {
        /// Its status.
        status: u16,
        /// Its usual words.
        reason: &'o str,
        /// Where it came from in the end.
        url: &'o str,
        /// Whether that was elsewhere.
        redirected: bool,
        /// Names and values.
        #[serde(borrow)]
        headers: Vec<(&'o [u8], &'o [u8])>,
    },
    /// A piece of a body.
    Piece(&'o [u8]),
    /// Yes or no.
    Is(bool),
    /// A number.
    Sum(i64),
    /// What keys stand for; `None` for those that are not there.
    Values(#[serde(borrow)] Vec<Option<&'o [u8]>>),
    /// Some of the keys.
    Keys {
        /// In the order of their bytes.
        #[serde(borrow)]
        keys: Vec<&'o [u8]>,
        /// What to go on after; `None` at the end.
        next: Option<&'o [u8]>,
    },
    /// It failed.
    Failed {
        /// In one word, for programs.
        code: &'o str,
        /// In words.
        message: &'o str,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{decode, encode};

    #[test]
    fn operations_and_outcomes_come_back_as_they_were() {
        let operation = Operation::Fetch {
            method: "POST",
            url: "http://a/b",
            headers: vec![(b"x-a", b"\xff")],
            body: FetchBody::Whole(b"body"),
            redirect: Redirect::Manual,
        };
        assert_eq!(decode(&encode(&operation)), Ok(operation.clone()));
        let write = Operation::Kv(KvOperation::Write(vec![(b"a", Some(b"1")), (b"b", None)]));
        assert_eq!(decode(&encode(&write)), Ok(write.clone()));
        let outcome = Outcome::Values(vec![Some(b""), None]);
        assert_eq!(decode(&encode(&outcome)), Ok(outcome.clone()));
        let sum = Outcome::Sum(i64::MIN);
        assert_eq!(decode(&encode(&sum)), Ok(sum.clone()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = decode::<Operation<'_>>(&bytes);
            let _ = decode::<Outcome<'_>>(&bytes);
        }
    }
}
