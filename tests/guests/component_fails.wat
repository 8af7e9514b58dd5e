;; Returns an error: a component that exports wasi:cli/run and imports nothing.
(component
  (core module $main_module
    ;; 0 is ok, 1 is an error.
    (func (export "run") (result i32)
      (i32.const 1)))
  (core instance $main (instantiate $main_module))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli_run (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli_run)))
