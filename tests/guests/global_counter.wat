;; Counts its runs in a global and in memory, and answers with the larger count, one digit:
;; always 1, as long as each request gets a fresh instance.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $runs (mut i32) (i32.const 0))
  ;; One iovec: 73 bytes from address 16, the digit at address 25.
  (data (i32.const 0) "\10\00\00\00\49\00\00\00")
  (data (i32.const 16) "{\"data\":\"?\",\"headers\":{\"content-type\":\"text/plain\"},\"status\":200,\"kv\":{}}")
  (func (export "_start")
    (local $stored i32)
    (global.set $runs (i32.add (global.get $runs) (i32.const 1)))
    (local.set $stored (i32.add (i32.load (i32.const 1024)) (i32.const 1)))
    (i32.store (i32.const 1024) (local.get $stored))
    (i32.store8
      (i32.const 25)
      (i32.add
        (i32.const 48)
        (select
          (global.get $runs)
          (local.get $stored)
          (i32.gt_u (global.get $runs) (local.get $stored)))))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
