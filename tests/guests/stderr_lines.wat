;; Writes three lines to stderr, the last without a newline, then answers.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; Two iovecs: 29 bytes from address 32, 83 bytes from address 64.
  (data (i32.const 0) "\20\00\00\00\1d\00\00\00")
  (data (i32.const 8) "\40\00\00\00\53\00\00\00")
  (data (i32.const 32) "one\ntwo\nthree without newline")
  (data (i32.const 64) "{\"data\":\"see the log\",\"headers\":{\"content-type\":\"text/plain\"},\"status\":200,\"kv\":{}}")
  (func (export "_start")
    (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 16)))
    (drop (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))))
