;; Answers "hello from a component": a component that exports wasi:cli/run, written by hand.
(component
  (import "wasi:io/error@0.2.0" (instance $io_error
    (export "error" (type (sub resource)))))
  (alias export $io_error "error" (type $error))

  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "output-stream" (type $output_stream (sub resource)))
    (alias outer 1 $error (type $outer_error))
    (export "error" (type $error (eq $outer_error)))
    (type $stream_error_cases (variant
      (case "last-operation-failed" (own $error))
      (case "closed")))
    (export "stream-error" (type $stream_error (eq $stream_error_cases)))
    (export "[method]output-stream.blocking-write-and-flush" (func
      (param "self" (borrow $output_stream))
      (param "contents" (list u8))
      (result (result (error $stream_error)))))))
  (alias export $streams "output-stream" (type $output_stream))
  (alias export $streams "[method]output-stream.blocking-write-and-flush" (func $write))

  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $output_stream (type $outer_output_stream))
    (export "output-stream" (type $output_stream (eq $outer_output_stream)))
    (export "get-stdout" (func (result (own $output_stream))))))
  (alias export $stdout "get-stdout" (func $get_stdout))

  ;; The memory has an instance of its own, since lowering an import needs one already.
  (core module $memory_module
    (memory (export "memory") 1)
    (data (i32.const 16) "{\"data\":\"hello from a component\",\"headers\":{\"content-type\":\"text/plain\"},\"status\":200,\"kv\":{}}"))
  (core instance $memory (instantiate $memory_module))
  (alias core export $memory "memory" (core memory $memory))

  (core func $get_stdout (canon lower (func $get_stdout)))
  (core func $write (canon lower (func $write) (memory $memory)))
  (core func $drop (canon resource.drop $output_stream))

  (core module $main_module
    (import "host" "get-stdout" (func $get_stdout (result i32)))
    (import "host" "write" (func $write (param i32 i32 i32 i32)))
    (import "host" "drop" (func $drop (param i32)))
    (import "memory" "memory" (memory 1))
    ;; The result of run: 0 is ok, 1 is an error.
    (func (export "run") (result i32)
      (local $stream i32)
      (local.set $stream (call $get_stdout))
      ;; 94 bytes from address 16; whether that went well is written to address 0.
      (call $write (local.get $stream) (i32.const 16) (i32.const 94) (i32.const 0))
      (call $drop (local.get $stream))
      (i32.load8_u (i32.const 0))))
  (core instance $main (instantiate $main_module
    (with "memory" (instance $memory))
    (with "host" (instance
      (export "get-stdout" (func $get_stdout))
      (export "write" (func $write))
      (export "drop" (func $drop))))))

  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli_run (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli_run)))
