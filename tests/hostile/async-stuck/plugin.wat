(component
  (import "wasi:clocks/monotonic-clock@0.3.0" (instance $clock
    (export "wait-for" (func async (param "how-long" u64)))))
  (core func $block (canon lower (func $clock "wait-for")))
  (core func $return (canon task.return))
  (core func $set-new (canon waitable-set.new))
  (core module $m
    (import "host" "block" (func $block (param i64)))
    (import "host" "return" (func $return))
    (import "host" "set-new" (func $set-new (result i32)))
    (func (export "wait-for-nothing") (result i32)
      (i32.or (i32.const 2) (i32.shl (call $set-new) (i32.const 4))))
    (func (export "end") (result i32) (i32.const 0))
    (func (export "twice") (result i32) (call $return) (call $return) (i32.const 0))
    (func (export "nonsense") (result i32) (i32.const 15))
    (func (export "no-set") (result i32) (i32.const 0x7ffffff2))
    (func (export "block") (call $block (i64.const 3155760000000000000)))
    (func (export "called-back") (param i32 i32 i32) (result i32) (unreachable)))
  (core instance $i (instantiate $m (with "host" (instance
    (export "block" (func $block))
    (export "return" (func $return))
    (export "set-new" (func $set-new))))))
  (func (export "waits-for-nothing") async
    (canon lift (core func $i "wait-for-nothing") async (callback (core func $i "called-back"))))
  (func (export "returns-nothing") async
    (canon lift (core func $i "end") async (callback (core func $i "called-back"))))
  (func (export "returns-twice") async
    (canon lift (core func $i "twice") async (callback (core func $i "called-back"))))
  (func (export "answers-nonsense") async
    (canon lift (core func $i "nonsense") async (callback (core func $i "called-back"))))
  (func (export "waits-on-no-set") async
    (canon lift (core func $i "no-set") async (callback (core func $i "called-back"))))
  ;; Not `async`: nobody expects it to wait.
  (func (export "blocks-where-it-may-not") (canon lift (core func $i "block"))))
