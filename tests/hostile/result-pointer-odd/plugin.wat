(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "attack") (result i32) (i32.const 3)))
  (core instance $i (instantiate $m))
  (func (export "attack") (result (tuple u64 u64))
    (canon lift (core func $i "attack") (memory (core memory $i "memory")))))
