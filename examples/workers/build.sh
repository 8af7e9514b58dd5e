#!/bin/sh
# Builds every worker of the examples and copies it to its place.
#
# Needs the target once: rustup target add wasm32-wasip1
# RUSTC and CARGO_TARGET_DIR are honoured, as by any cargo build; arguments go to cargo.
set -eu
cd "$(dirname "$0")"
examples=$(cd .. && pwd)
target=${CARGO_TARGET_DIR:-target}

# Paths of this machine would otherwise stand in the messages of panics.
export RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"

cargo build --locked --release --target wasm32-wasip1 "$@"

place() {
    mkdir -p "$(dirname "$examples/$2")"
    cp "$target/wasm32-wasip1/release/$1.wasm" "$examples/$2"
    printf '%8d bytes  %s\n' "$(wc -c < "$examples/$2")" "$2"
}
place hello  rust-worker/api/hello.wasm
place echo   rust-worker/api/echo.wasm
place binary rust-worker/api/binary.wasm
place user   'project/api/users/[id].wasm'
place files  'project/api/files/[...path].wasm'
