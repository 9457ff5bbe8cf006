;; While the host lowers an argument, the guest may not call the host: it could be asked for room again.
(component
  (import "hyfunc:plugin/context@0.1.0" (instance $context
    (export "deadline-ms-left" (func (result u64)))))
  (core func $left (canon lower (func $context "deadline-ms-left")))
  (core module $m
    (import "host" "left" (func $left (result i64)))
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
      (drop (call $left))
      (i32.const 64))
    (func (export "attack") (param i32 i32)))
  (core instance $i (instantiate $m (with "host" (instance (export "left" (func $left))))))
  (func (export "attack") (param "text" string)
    (canon lift (core func $i "attack")
      (memory (core memory $i "memory")) (realloc (core func $i "cabi_realloc")))))
