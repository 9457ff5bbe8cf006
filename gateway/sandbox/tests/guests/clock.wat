;; Blocks in a host call, and hoards handles.
(component
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $outer))
    (export "pollable" (type $inner (eq $outer)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $inner))))))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core module $m
    (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
    (import "host" "block" (func $block (param i32)))
    (func (export "sleep") (param $ms i64)
      (call $block (call $subscribe (i64.mul (local.get $ms) (i64.const 1000000)))))
    (func (export "hoard")
      (loop $again
        (drop (call $subscribe (i64.const 1)))
        (br $again))))
  (core instance $i (instantiate $m (with "host" (instance
    (export "subscribe" (func $subscribe))
    (export "block" (func $block))))))
  (func (export "sleep") (param "ms" u64) (canon lift (core func $i "sleep")))
  (func (export "hoard") (canon lift (core func $i "hoard")))
)
