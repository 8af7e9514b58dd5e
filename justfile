# The commands of this repository; .ci/run calls the same ones.

# Everything that has to pass before a change lands.
check: fmt lint test stub

fmt:
    cargo fmt --all --check

lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# All tests, the README's command.
test:
    cargo test --workspace --locked

# The stub that ships: no compiler in it, and small.
stub:
    bash .ci/check-stub

# Bundle an example and run it.
demo: 
    cargo run --release -- bundle examples/rust-worker -o demo
    ./demo

# Fuzz one parser for a minute: `just fuzz bundle`, and so on (needs cargo-fuzz and a nightly toolchain).
fuzz target seconds="60":
    cd fuzz && cargo fuzz run {{target}} -- -max_total_time={{seconds}}

# Build the workers of the examples again (needs the wasm32-wasip1 target).
examples:
    bash examples/workers/build.sh
