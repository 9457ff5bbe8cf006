;; Both lists: how many environment variables, and a thousand times how many arguments.
(component
  (import "wasi:cli/environment@0.2.0" (instance $environment
    (export "get-environment" (func (result (list (tuple string string)))))
    (export "get-arguments" (func (result (list string))))))
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
  (core func $variables
    (canon lower (func $environment "get-environment") (memory $memory) (realloc $realloc)))
  (core func $arguments
    (canon lower (func $environment "get-arguments") (memory $memory) (realloc $realloc)))
  (core module $m
    (import "memory" "memory" (memory 32))
    (import "host" "variables" (func $variables (param i32)))
    (import "host" "arguments" (func $arguments (param i32)))
    (func (export "attack") (result i32)
      (call $variables (i32.const 0))
      (call $arguments (i32.const 8))
      (i32.add (i32.load (i32.const 4)) (i32.mul (i32.const 1000) (i32.load (i32.const 12))))))
  (core instance $i (instantiate $m
    (with "memory" (instance $allocator))
    (with "host" (instance
      (export "variables" (func $variables))
      (export "arguments" (func $arguments))))))
  (func (export "attack") (result u32) (canon lift (core func $i "attack"))))
