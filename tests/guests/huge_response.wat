;; Begins a valid answer and never ends it: 64 KiB of "a" after another, until a write fails.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  ;; Two iovecs: 70 bytes from address 32, and the second page.
  (data (i32.const 0) "\20\00\00\00\46\00\00\00")
  (data (i32.const 8) "\00\00\01\00\00\00\01\00")
  (data (i32.const 32) "{\"headers\":{\"content-type\":\"text/plain\"},\"status\":200,\"kv\":{},\"data\":\"")
  (func (export "_start")
    (memory.fill (i32.const 65536) (i32.const 97) (i32.const 65536))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
    (loop $more
      (br_if $more
        (i32.eqz
          (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))))))
