(component
  (import "wasi:clocks/monotonic-clock@0.3.0" (instance $clock
    (export "wait-for" (func async (param "how-long" u64)))))
  (core func $block (canon lower (func $clock "wait-for")))
  (core func $begin (canon lower (func $clock "wait-for") async))
  (core func $set-new (canon waitable-set.new))
  (core func $join (canon waitable.join))
  (core module $m
    (import "host" "block" (func $block (param i64)))
    (import "host" "begin" (func $begin (param i64) (result i32)))
    (import "host" "set-new" (func $set-new (result i32)))
    (import "host" "join" (func $join (param i32 i32)))
    (func (export "block") (call $block (i64.const 3155760000000000000)))
    (func (export "wait") (result i32)
      (local $set i32)
      (local.set $set (call $set-new))
      (call $join
        (i32.shr_u (call $begin (i64.const 3155760000000000000)) (i32.const 4))
        (local.get $set))
      ;; 2, and the set in the upper bits: the host calls back when something comes of it.
      (i32.or (i32.const 2) (i32.shl (local.get $set) (i32.const 4))))
    (func (export "called-back") (param i32 i32 i32) (result i32) (unreachable)))
  (core instance $i (instantiate $m (with "host" (instance
    (export "block" (func $block))
    (export "begin" (func $begin))
    (export "set-new" (func $set-new))
    (export "join" (func $join))))))
  (func (export "on-the-stack") async (canon lift (core func $i "block")))
  (func (export "called-back") async
    (canon lift (core func $i "wait") async (callback (core func $i "called-back")))))
