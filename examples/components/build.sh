#!/bin/sh
# Builds the components of the examples and copies them to their places.
#
# Needs Python, and the target once: rustup target add wasm32-wasip1
# RUSTC and CARGO_TARGET_DIR are honoured, as by any cargo build; arguments go to cargo.
set -eu
cd "$(dirname "$0")"
examples=$(cd .. && pwd)
target=${CARGO_TARGET_DIR:-$(pwd)/target}
cargo build --locked --release --target-dir "$target" -p componentize "$@"

# Paths of this machine would otherwise stand in the messages of panics.
flags="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo --remap-path-prefix=$(pwd)=/components"
RUSTFLAGS=$flags cargo build --locked --release --target wasm32-wasip1 --target-dir "$target" \
    -p component-rust -p fetch-proxy -p kv-counter "$@"

place() {
    module=$target/wasm32-wasip1/release/$1.wasm
    ./without-places "$module"
    mkdir -p "$(dirname "$examples/$2")"
    "$target/release/componentize" "$module" "$examples/$2"
    printf '%8d bytes  %s\n' "$(wc -c < "$examples/$2")" "$2"
}
place component_rust 'component-rust/[...path].wasm'
place fetch_proxy    'fetch-proxy/component/[...path].wasm'
place kv_counter     'kv-counter/component/[name].wasm'
