(component
  (import "wasi:random/random@0.2.0" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
  (core module $allocator
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64)))
  (core instance $allocator (instantiate $allocator))
  (core func $random (canon lower (func $random "get-random-bytes")
    (memory (core memory $allocator "memory")) (realloc (core func $allocator "cabi_realloc"))))
  (core module $m
    (import "host" "random" (func $random (param i64 i32)))
    (func (export "attack") (call $random (i64.const -1) (i32.const 0))))
  (core instance $i (instantiate $m (with "host" (instance (export "random" (func $random))))))
  (func (export "attack") (canon lift (core func $i "attack"))))
