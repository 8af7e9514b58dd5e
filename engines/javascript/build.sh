#!/usr/bin/env bash
# Builds the JavaScript engine: javascript.wasm, which `wws` embeds.
#
#   build.sh [--check]     --check: build, and compare with the file that is there
#
# It takes Node.js and npm, Rust with the target wasm32-wasip1 (`rustup target add wasm32-wasip1`;
# RUSTC may name another compiler that has it), and a C compiler for wasm: CC_wasm32_wasip1 and
# AR_wasm32_wasip1 name one, or else the Python package ziglang is used (`pip install ziglang`).
set -euo pipefail
cd "$(dirname "$0")"

(cd prelude && npm ci --no-audit --no-fund --silent && npm run --silent build)

if [[ -z ${CC_wasm32_wasip1:-} ]]; then
  python3 -m ziglang version >/dev/null || {
    echo "no C compiler for wasm: pip install ziglang, or set CC_wasm32_wasip1 and AR_wasm32_wasip1" >&2
    exit 1
  }
  export CC_wasm32_wasip1=$PWD/zig-cc AR_wasm32_wasip1=$PWD/zig-ar
fi
export CFLAGS_wasm32_wasip1="-include $PWD/src/wasi-headers.h"
# rquickjs would fetch an SDK of its own otherwise.
export RQUICKJS_SYS_NO_WASI_SDK=1
WWS_SOURCES_HASH=$(./sources-hash)
export WWS_SOURCES_HASH
# The host gives the memory: it holds the snapshot of a script. A panic must not name the machine.
home=${CARGO_HOME:-$HOME/.cargo}
root=$(cd ../.. && pwd)
export CARGO_ENCODED_RUSTFLAGS=$(printf '%s\x1f' -Clink-arg=--import-memory \
  "--remap-path-prefix=$home=/cargo" "--remap-path-prefix=$root=/wws")-Copt-level=3
cargo build --lib --release --locked --target wasm32-wasip1
built=${CARGO_TARGET_DIR:-target}/wasm32-wasip1/release/javascript_engine.wasm
# Where the standard library was built on this machine, its messages name the place.
without_places=$(mktemp)
trap 'rm -f "$without_places"' EXIT
python3 - "$built" "$("${RUSTC:-rustc}" --print sysroot)" >"$without_places" <<'PYTHON'
import sys
place = sys.argv[2].encode()
name = b"/rust".ljust(len(place), b"/")
sys.stdout.buffer.write(open(sys.argv[1], "rb").read().replace(place, name))
PYTHON
built=$without_places
if [[ ${1:-} == --check ]]; then
  cmp "$built" javascript.wasm
  echo "javascript.wasm is what these sources give"
else
  cp "$built" javascript.wasm
  ls -l javascript.wasm
fi
