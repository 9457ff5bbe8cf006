(component
  (core module $m
    (memory (export "memory") 480)
    (func (export "attack") (result i32)
      (i32.store (i32.const 0) (i32.const 0))
      (i32.store (i32.const 4) (i32.const 30000000))
      (i32.const 0)))
  (core instance $i (instantiate $m))
  (func (export "attack") (result (list u8))
    (canon lift (core func $i "attack") (memory (core memory $i "memory")))))
