;; Imports a function that no host has, and calls it.
(module
  (import "env" "missing_function" (func $missing_function))
  (memory (export "memory") 1)
  (func (export "_start")
    (call $missing_function)))
