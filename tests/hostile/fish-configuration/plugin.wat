(component
  (import "wasi:config/store@0.2.0-rc.1" (instance $store
    (type $error' (variant (case "upstream" string) (case "io" string)))
    (export "error" (type $error (eq $error')))
    (export "get-all" (func (result (result (list (tuple string string)) (error $error)))))))
  (core module $allocator
    (memory (export "memory") 32)
    (global $next (mut i32) (i32.const 1048576))
    (func (export "cabi_realloc") (param i32 i32 i32) (param $bytes i32) (result i32)
      (local $at i32)
      (local.set $at (global.get $next))
      (global.set $next (i32.and
        (i32.add (i32.add (local.get $at) (local.get $bytes)) (i32.const 15)) (i32.const -16)))
      (local.get $at)))
  (core instance $allocator (instantiate $allocator))
  (alias core export $allocator "memory" (core memory $memory))
  (alias core export $allocator "cabi_realloc" (core func $realloc))
  (core func $all (canon lower (func $store "get-all") (memory $memory) (realloc $realloc)))
  (core module $m
    (import "memory" "memory" (memory 32))
    (import "host" "all" (func $all (param i32)))
    (func (export "attack") (result i32)
      (call $all (i32.const 0))
      (i32.load (i32.const 8))))
  (core instance $i (instantiate $m
    (with "memory" (instance $allocator))
    (with "host" (instance (export "all" (func $all))))))
  (func (export "attack") (result u32) (canon lift (core func $i "attack"))))
