;; Answers with its environment: NAME=value, each with a semicolon after it.
(module
  (import "wasi_snapshot_preview1" "environ_sizes_get"
    (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get"
    (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; Three iovecs: 9 bytes from address 64, the environment from 4096, 55 bytes from 128.
  (data (i32.const 0) "\40\00\00\00\09\00\00\00")
  (data (i32.const 8) "\00\10\00\00")
  (data (i32.const 16) "\80\00\00\00\37\00\00\00")
  (data (i32.const 64) "{\"data\":\"")
  (data (i32.const 128) "\",\"headers\":{\"content-type\":\"text/plain\"},\"status\":200}")
  (func (export "_start")
    (local $at i32)
    ;; The number of variables goes to address 32, the length of all to the second iovec.
    (drop (call $environ_sizes_get (i32.const 32) (i32.const 12)))
    (drop (call $environ_get (i32.const 256) (i32.const 4096)))
    ;; Each ends in a NUL, which JSON does not allow.
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $at) (i32.load (i32.const 12))))
        (if (i32.eqz (i32.load8_u offset=4096 (local.get $at)))
          (then (i32.store8 offset=4096 (local.get $at) (i32.const 59))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    ;; One by one: a write may take the first iovec only.
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 40)))
    (drop (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 40)))
    (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 40)))))
