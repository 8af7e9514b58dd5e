//! A component with wasi:http 0.2 and wasi:keyvalue 0.2.0-draft2, the version of Spin. It works
//! on the store with the empty name, or on that which the header `x-store` names.
//!
//! ```text
//! /kv/incr?KEY          adds one, the new value
//! /kv/incr-by?KEY,N     adds N
//! /kv/cas-incr?KEY      the same by compare-and-swap, until no other is in between
//! /kv/get?KEY           the value, or 404
//! /kv/set?KEY           sets it to the request body
//! /kv/delete?KEY        removes it
//! /kv/exists?KEY        true or false
//! /kv/list              all keys, one a line, page by page
//! /kv/get-many?A,B      KEY=VALUE or KEY, one a line
//! /kv/set-many?A=1,B=2
//! /kv/delete-many?A,B
//! ```
//!
//! Without a result, the answer is "ok". An error is 500 with the text "error: " and the error.

wit_bindgen::generate!({ path: "wit" });

use wasi::keyvalue::atomics::{Cas, CasError};
use wasi::keyvalue::store::{Bucket, Error};
use wasi::keyvalue::{atomics, batch};
use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::StreamError;

include!("../../kv-answer.rs");

fn act(
    bucket: &Bucket,
    action: &str,
    query: &str,
    body: impl FnOnce() -> Vec<u8>,
) -> Result<Option<Vec<u8>>, Error> {
    Ok(Some(match action {
        "incr" => atomics::increment(bucket, query, 1)?.to_string().into(),
        "incr-by" => {
            let (key, delta) = query.split_once(',').expect("KEY,N");
            atomics::increment(bucket, key, delta.parse().expect("a number"))?
                .to_string()
                .into()
        }
        "cas-incr" => compare_and_swap(bucket, query)?.to_string().into(),
        "list" => list(bucket)?.into(),
        "get-many" => get_many(bucket, query)?.into(),
        _ => return plain(bucket, action, query, body),
    }))
}

fn get_many(bucket: &Bucket, query: &str) -> Result<String, Error> {
    let keys: Vec<String> = query.split(',').map(str::to_owned).collect();
    let mut text = String::new();
    for (key, value) in batch::get_many(bucket, &keys)? {
        text.push_str(&line(&key, value));
    }
    Ok(text)
}

fn cursor_of(cursor: &Option<String>) -> Option<&str> {
    cursor.as_deref()
}

fn compare_and_swap(bucket: &Bucket, key: &str) -> Result<i64, Error> {
    let mut cas = Cas::new(bucket, key)?;
    loop {
        let before = cas.current()?.map_or(0, |text| {
            String::from_utf8(text)
                .ok()
                .and_then(|text| text.parse().ok())
                .expect("a number")
        });
        let after: i64 = before + 1;
        match atomics::swap(cas, after.to_string().as_bytes()) {
            Ok(()) => return Ok(after),
            Err(CasError::CasFailed(newer)) => cas = newer,
            Err(CasError::StoreError(error)) => return Err(error),
        }
    }
}
