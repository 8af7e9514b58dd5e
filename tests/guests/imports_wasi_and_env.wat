;; Imports what the host has, and beside it a function that no host has.
(module
  (import "wasi_snapshot_preview1" "sched_yield" (func $sched_yield (result i32)))
  (import "env" "missing_function" (func $missing_function))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $sched_yield))
    (call $missing_function)))
