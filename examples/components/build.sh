#!/bin/sh
# Builds the components of the examples and copies them to their places.
#
# Needs the target once: rustup target add wasm32-wasip1
# RUSTC and CARGO_TARGET_DIR are honoured, as by any cargo build; arguments go to cargo.
set -eu
cd "$(dirname "$0")"
examples=$(cd .. && pwd)
target=${CARGO_TARGET_DIR:-$(pwd)/target}
cargo build --locked --release --target-dir "$target" -p componentize "$@"

# Paths of this machine would otherwise stand in the messages of panics.
export RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo --remap-path-prefix=$(pwd)=/components"
cargo build --locked --release --target wasm32-wasip1 --target-dir "$target" \
    -p component-rust -p fetch-proxy -p kv-counter "$@"

# The same for the standard library, if that was built on this machine.
without_places() {
    python3 - "$1" "$("${RUSTC:-rustc}" --print sysroot)" <<'PYTHON'
import sys
path, place = sys.argv[1], sys.argv[2].encode()
module = open(path, "rb").read().replace(place, b"/rust".ljust(len(place), b"/"))
open(path, "wb").write(module)
PYTHON
}
place() {
    module=$target/wasm32-wasip1/release/$1.wasm
    without_places "$module"
    mkdir -p "$(dirname "$examples/$2")"
    "$target/release/componentize" "$module" "$examples/$2"
    printf '%8d bytes  %s\n' "$(wc -c < "$examples/$2")" "$2"
}
place component_rust 'component-rust/[...path].wasm'
place fetch_proxy    'fetch-proxy/component/[...path].wasm'
place kv_counter     'kv-counter/component/[name].wasm'
