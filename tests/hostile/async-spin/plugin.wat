(component
  (core func $return (canon task.return))
  (core module $m
    (import "host" "return" (func $return))
    (func $spin (loop $again (br $again)))
    (func (export "first") (result i32) (call $spin) (i32.const 0))
    ;; 1 asks for another turn.
    (func (export "turn") (result i32) (i32.const 1))
    (func (export "spin") (param i32 i32 i32) (result i32) (call $spin) (i32.const 0))
    (func (export "turn-again") (param i32 i32 i32) (result i32) (i32.const 1))
    (func (export "returned") (result i32) (call $return) (call $spin) (i32.const 0)))
  (core instance $i (instantiate $m (with "host" (instance (export "return" (func $return))))))
  (func (export "first") async
    (canon lift (core func $i "first") async (callback (core func $i "spin"))))
  (func (export "called-back") async
    (canon lift (core func $i "turn") async (callback (core func $i "spin"))))
  (func (export "returned") async
    (canon lift (core func $i "returned") async (callback (core func $i "spin"))))
  (func (export "turns") async
    (canon lift (core func $i "turn") async (callback (core func $i "turn-again")))))
