;; Hands on what it is told of its request and its trace.
(component
  (import "hyfunc:plugin/context@0.1.0" (instance $context
    (export "request-id" (func (result string)))
    (export "trace-parent" (func (result (option string))))))
  (core module $allocator
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "cabi_realloc") (param i32 i32 i32) (param $bytes i32) (result i32)
      (local $at i32)
      (local.set $at (global.get $next))
      (global.set $next (i32.add (global.get $next) (local.get $bytes)))
      (local.get $at)))
  (core instance $allocator (instantiate $allocator))
  (alias core export $allocator "memory" (core memory $memory))
  (alias core export $allocator "cabi_realloc" (core func $realloc))
  (core func $request
    (canon lower (func $context "request-id") (memory $memory) (realloc $realloc)))
  (core func $parent
    (canon lower (func $context "trace-parent") (memory $memory) (realloc $realloc)))
  (core module $m
    (import "host" "request" (func $request (param i32)))
    (import "host" "parent" (func $parent (param i32)))
    (func (export "request") (result i32)
      (call $request (i32.const 16))
      (i32.const 16))
    (func (export "parent") (result i32)
      (call $parent (i32.const 32))
      (i32.const 32)))
  (core instance $i (instantiate $m
    (with "host" (instance
      (export "request" (func $request))
      (export "parent" (func $parent))))))
  (func (export "request") (result string)
    (canon lift (core func $i "request") (memory $memory)))
  (func (export "parent") (result (option string))
    (canon lift (core func $i "parent") (memory $memory)))
)
