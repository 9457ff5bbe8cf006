(component
  (import "wasi:clocks/monotonic-clock@0.3.0-rc-2025-09-16" (instance $clock
    (export "wait-for" (func async (param "how-long" u64)))))
  (core func $wait (canon lower (func $clock "wait-for")))
  (core module $m
    (import "host" "wait" (func $wait (param i64)))
    (func (export "attack") (call $wait (i64.const 1))))
  (core instance $i (instantiate $m (with "host" (instance (export "wait" (func $wait))))))
  (func (export "attack") async (canon lift (core func $i "attack"))))
