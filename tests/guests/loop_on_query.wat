;; Answers "no query"; if its URL has a query, writes "looping" to stderr and never returns.
(module
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; Three iovecs: 1 KiB from address 1024, 8 bytes from 64, 80 bytes from 128.
  (data (i32.const 0) "\00\04\00\00\00\04\00\00")
  (data (i32.const 8) "\40\00\00\00\08\00\00\00")
  (data (i32.const 16) "\80\00\00\00\50\00\00\00")
  (data (i32.const 64) "looping\n")
  (data (i32.const 128) "{\"data\":\"no query\",\"headers\":{\"content-type\":\"text/plain\"},\"status\":200,\"kv\":{}}")
  (func (export "_start")
    ;; The request begins with {"url":", which is 8 bytes.
    (local $at i32)
    (local $byte i32)
    (local.set $at (i32.const 1032))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 32)))
    (block $end_of_url
      (loop $next
        (local.set $byte (i32.load8_u (local.get $at)))
        (br_if $end_of_url (i32.eq (local.get $byte) (i32.const 34)))
        (if (i32.eq (local.get $byte) (i32.const 63))
          (then
            (drop (call $fd_write (i32.const 2) (i32.const 8) (i32.const 1) (i32.const 32)))
            (loop $forever (br $forever))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 32)))))
