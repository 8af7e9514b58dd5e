;; Answers with a line break in a header value, to smuggle in a second header.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; One iovec: 101 bytes from address 16.
  (data (i32.const 0) "\10\00\00\00\65\00\00\00")
  (data (i32.const 16) "{\"data\":\"two headers in one\",\"headers\":{\"x-note\":\"a\\r\\nset-cookie: smuggled=1\"},\"status\":200,\"kv\":{}}")
  (func (export "_start")
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
