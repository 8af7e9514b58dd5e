//! The value of `--kv`. clap repeats a value that it refuses; this one may hold a password.

use std::ffi::OsStr;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};
use kv::Location;

/// Parses a [`Location`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoreLocation;

impl TypedValueParser for StoreLocation {
    type Value = Location;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Location, Error> {
        let refuse = |reason: String| {
            let argument = argument.map_or_else(|| "--kv".to_owned(), ToString::to_string);
            let message = format!("invalid value for '{argument}': {reason}\n");
            Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
        };
        match value.to_str() {
            Some(text) => Location::parse(text).map_err(|error| refuse(error.to_string())),
            None => Err(refuse("it is not UTF-8".to_owned())),
        }
    }
}
