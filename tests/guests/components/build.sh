#!/bin/sh
# Builds every guest that is not WebAssembly text: the .wasm files of this folder, and then those of
# examples/components.
#
# Needs Python, and the target once: rustup target add wasm32-wasip1
# And for the one in C: pip install ziglang==0.16.0, cargo install wit-bindgen-cli --version 0.63.0
# RUSTC and CARGO_TARGET_DIR are honoured, as by any cargo build.
set -eu
cd "$(dirname "$0")"
here=$(pwd)
components=../../../examples/components
target=${CARGO_TARGET_DIR:-$here/target}
built=$target/wasm32-wasip1/release
cargo=${CARGO_HOME:-$HOME/.cargo}

cargo build --quiet --locked --release --manifest-path "$components/Cargo.toml" -p componentize \
    --target-dir "$target"

# Paths of this machine would otherwise stand in the messages of panics.
flags="--remap-path-prefix=$cargo=/cargo --remap-path-prefix=$here=/guests"

# One by one: together they would share the features of their libraries, and hello_p2 has no std.
build() {
    RUSTFLAGS=$flags cargo build --quiet --locked --release --target wasm32-wasip1 \
        --target-dir "$target" -p "$1"
    "$components/without-places" "$built"/*.wasm
}
show() {
    printf '%8d bytes  %s\n' "$(wc -c < "$1")" "$1"
}
for name in hello_p2 http_p2 hello_p3 http_p3 kv_draft kv_draft2; do
    build "$name"
    "$target/release/componentize" "$built/$name.wasm" "$name.wasm"
    show "$name.wasm"
done
build commands
for name in legacy_http kv_p1; do
    install -m 644 "$built/$name.wasm" "$name.wasm"
    show "$name.wasm"
done
"$target/release/componentize" kv_p1.wasm kv_run.wasm
show kv_run.wasm

# The WIT of wasi:http stands in a library that the guests in Rust have.
wit=$(ls -d "$cargo"/registry/src/*/wasip2-1.0.4+wasi-0.2.12/wit)
generated=$target/hello-c
mkdir -p "$generated"
wit-bindgen c "$wit" --world wasi:http/proxy@0.2.12 --out-dir "$generated" > /dev/null
python3 -m ziglang cc -target wasm32-wasi -mexec-model=reactor -Oz -s -I "$generated" \
    hello-c/hello.c "$generated/proxy.c" "$generated/proxy_component_type.o" \
    -o "$generated/hello_c.wasm"
"$target/release/componentize" "$generated/hello_c.wasm" hello_c.wasm
show hello_c.wasm

"$components/build.sh"
