(component
  (core module $m
    (memory 1)
    (table $t 1 funcref)
    (func (export "memory") (result i32)
      (loop $again (drop (memory.grow (i32.const 16))) (br $again))
      (i32.const 0))
    (func (export "table") (result i32)
      (loop $again (drop (table.grow $t (ref.null func) (i32.const 1000))) (br $again))
      (i32.const 0))
    (func $deeper (param i32) (result i32)
      (i32.add (i32.const 1) (call $deeper (i32.add (i32.const 1) (local.get 0)))))
    (func (export "stack") (result i32) (call $deeper (i32.const 0)))
    (func (export "called-back") (param i32 i32 i32) (result i32) (unreachable)))
  (core instance $i (instantiate $m))
  (func (export "memory") async
    (canon lift (core func $i "memory") async (callback (core func $i "called-back"))))
  (func (export "table") async
    (canon lift (core func $i "table") async (callback (core func $i "called-back"))))
  (func (export "stack") async
    (canon lift (core func $i "stack") async (callback (core func $i "called-back")))))
