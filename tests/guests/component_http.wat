;; Exports wasi:http/incoming-handler, if an empty one: by that a component is told.
(component
  (component $nothing)
  (instance $handler (instantiate $nothing))
  (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))
