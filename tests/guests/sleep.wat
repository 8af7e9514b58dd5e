;; Sleeps for 10 s in the host, by poll_oneoff, then answers.
(module
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; One iovec: 86 bytes from address 16.
  (data (i32.const 0) "\10\00\00\00\56\00\00\00")
  (data (i32.const 16) "{\"data\":\"slept for 10 s\",\"headers\":{\"content-type\":\"text/plain\"},\"status\":200,\"kv\":{}}")
  (func (export "_start")
    ;; A subscription at address 256: all zero but for the monotonic clock and the nanoseconds.
    (i32.store (i32.const 272) (i32.const 1))
    (i64.store (i32.const 280) (i64.const 10_000_000_000))
    ;; Its event goes to address 512, the number of events to 640. A failure traps.
    (if
      (call $poll_oneoff (i32.const 256) (i32.const 512) (i32.const 1) (i32.const 640))
      (then (unreachable)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
