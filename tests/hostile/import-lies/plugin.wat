(component
  (import "hyfunc:plugin/context@0.1.0" (instance $context
    (export "request-id" (func (param "from" u32) (result (tuple u64 u64))))))
  (core module $allocator (memory (export "memory") 1))
  (core instance $allocator (instantiate $allocator))
  (core func $id (canon lower (func $context "request-id")
    (memory (core memory $allocator "memory"))))
  (core module $m
    (import "host" "id" (func $id (param i32 i32)))
    (func (export "attack") (call $id (i32.const 0) (i32.const 0))))
  (core instance $i (instantiate $m (with "host" (instance (export "id" (func $id))))))
  (func (export "attack") (canon lift (core func $i "attack"))))
