(component
  (import "wasi:filesystem/types@0.2.0" (instance $types
    (export "descriptor" (type (sub resource)))))
  (alias export $types "descriptor" (type $descriptor))
  (import "wasi:filesystem/preopens@0.2.0" (instance $preopens
    (alias outer 1 $descriptor (type $outer))
    (export "descriptor" (type $inner (eq $outer)))
    (export "get-directories" (func (result (list (tuple (own $inner) string)))))))
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
  (core func $directories
    (canon lower (func $preopens "get-directories") (memory $memory) (realloc $realloc)))
  (core module $m
    (import "memory" "memory" (memory 32))
    (import "host" "directories" (func $directories (param i32)))
    (func (export "attack") (result i32)
      (call $directories (i32.const 0))
      (i32.load (i32.const 4))))
  (core instance $i (instantiate $m
    (with "memory" (instance $allocator))
    (with "host" (instance (export "directories" (func $directories))))))
  (func (export "attack") (result u32) (canon lift (core func $i "attack"))))
