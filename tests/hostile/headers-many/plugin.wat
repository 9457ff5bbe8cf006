;; Header after header into one set of fields, of which the host keeps every byte.
(component
  (import "wasi:http/types@0.2.0" (instance $types
    (export "fields" (type $fields (sub resource)))
    (type $error' (variant (case "invalid-syntax") (case "forbidden") (case "immutable")))
    (export "header-error" (type $error (eq $error')))
    (export "[constructor]fields" (func (result (own $fields))))
    (export "[method]fields.append" (func (param "self" (borrow $fields)) (param "name" string)
      (param "value" (list u8)) (result (result (error $error)))))))
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
  (core func $fields (canon lower (func $types "[constructor]fields")))
  (core func $append (canon lower (func $types "[method]fields.append") (memory $memory)))
  (core module $m
    (import "memory" "memory" (memory 32))
    (import "host" "fields" (func $fields (result i32)))
    (import "host" "append" (func $append (param i32 i32 i32 i32 i32 i32)))
    (data (i32.const 0) "x-header")
    (func (export "attack")
      (local $fields i32)
      (memory.fill (i32.const 64) (i32.const 120) (i32.const 1000))
      (local.set $fields (call $fields))
      (loop $again
        (call $append (local.get $fields) (i32.const 0) (i32.const 8)
          (i32.const 64) (i32.const 1000) (i32.const 32))
        (br $again))))
  (core instance $i (instantiate $m
    (with "memory" (instance $allocator))
    (with "host" (instance (export "fields" (func $fields)) (export "append" (func $append))))))
  (func (export "attack") (canon lift (core func $i "attack"))))
