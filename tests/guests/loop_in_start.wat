;; Never gets as far as _start: its start function, which runs when it is instantiated, loops.
(module
  (memory (export "memory") 1)
  (func $begin
    (loop $forever
      (br $forever)))
  (start $begin)
  (func (export "_start")))
