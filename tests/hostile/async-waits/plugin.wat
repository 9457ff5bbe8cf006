(component
  (import "wasi:clocks/monotonic-clock@0.3.0" (instance $clock
    (export "wait-for" (func async (param "how-long" u64)))))
  (type $stream (stream u8))
  (type $future (future u8))
  (core func $wait (canon lower (func $clock "wait-for") async))
  (core func $set-new (canon waitable-set.new))
  (core func $stream-new (canon stream.new $stream))
  (core func $future-new (canon future.new $future))
  (core module $m
    (import "host" "wait" (func $wait (param i64) (result i32)))
    (import "host" "set-new" (func $set-new (result i32)))
    (import "host" "stream-new" (func $stream-new (result i64)))
    (import "host" "future-new" (func $future-new (result i64)))
    (func (export "waits") (result i32)
      (loop $again (drop (call $wait (i64.const 3155760000000000000))) (br $again))
      (i32.const 0))
    (func (export "sets") (result i32)
      (loop $again (drop (call $set-new)) (br $again))
      (i32.const 0))
    (func (export "streams") (result i32)
      (loop $again (drop (call $stream-new)) (br $again))
      (i32.const 0))
    (func (export "futures") (result i32)
      (loop $again (drop (call $future-new)) (br $again))
      (i32.const 0))
    (func (export "called-back") (param i32 i32 i32) (result i32) (unreachable)))
  (core instance $i (instantiate $m (with "host" (instance
    (export "wait" (func $wait))
    (export "set-new" (func $set-new))
    (export "stream-new" (func $stream-new))
    (export "future-new" (func $future-new))))))
  (func (export "waits") async
    (canon lift (core func $i "waits") async (callback (core func $i "called-back"))))
  (func (export "sets") async
    (canon lift (core func $i "sets") async (callback (core func $i "called-back"))))
  (func (export "streams") async
    (canon lift (core func $i "streams") async (callback (core func $i "called-back"))))
  (func (export "futures") async
    (canon lift (core func $i "futures") async (callback (core func $i "called-back")))))
