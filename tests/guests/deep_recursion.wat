;; Calls itself until the stack is used up.
(module
  (memory (export "memory") 1)
  (func $deeper (param $depth i32) (result i32)
    ;; The addition comes after the call, so that this is no loop in disguise.
    (i32.add
      (call $deeper (i32.add (local.get $depth) (i32.const 1)))
      (local.get $depth)))
  (func (export "_start")
    (drop (call $deeper (i32.const 0)))))
