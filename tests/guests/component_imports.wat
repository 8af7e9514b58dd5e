;; A component that exports wasi:cli/run and imports an interface that no host has.
(component
  (import "example:storage/shelf@1.2.3" (instance $shelf
    (export "open" (func (result u32)))))
  (alias export $shelf "open" (func $open))
  (core func $open (canon lower (func $open)))
  (core module $main_module
    (import "host" "open" (func $open (result i32)))
    (func (export "run") (result i32)
      (drop (call $open))
      (i32.const 0)))
  (core instance $main (instantiate $main_module
    (with "host" (instance (export "open" (func $open))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli_run (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli_run)))
