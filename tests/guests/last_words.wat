;; Writes "last words" to stderr, without a newline, and never returns.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; One iovec: 10 bytes from address 16.
  (data (i32.const 0) "\10\00\00\00\0a\00\00\00")
  (data (i32.const 16) "last words")
  (func (export "_start")
    (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
    (loop $forever
      (br $forever))))
