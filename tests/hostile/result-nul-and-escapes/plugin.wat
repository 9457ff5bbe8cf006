(component
  (core module $m
    (memory (export "memory") 1)
    (data (i32.const 16) "a\00b\1b[2J\e2\80\aec\0d\0a\7f")
    (func (export "attack") (result i32)
      (i32.store (i32.const 0) (i32.const 16))
      (i32.store (i32.const 4) (i32.const 14))
      (i32.const 0)))
  (core instance $i (instantiate $m))
  (func (export "attack") (result string)
    (canon lift (core func $i "attack") (memory (core memory $i "memory")))))
