(component
  (core module $m
    (memory (export "memory") 160)
    (func (export "attack") (result i32)
      (memory.fill (i32.const 0) (i32.const 255) (i32.const 8000000))
      (i32.store (i32.const 0) (i32.const 16))
      (i32.store (i32.const 4) (i32.const 1000000))
      (i32.const 0)))
  (core instance $i (instantiate $m))
  (type $shape (flags %flags%))
  (export $named "shape" (type $shape))
  (type $list (list $named))
  (func (export "attack") (result $list)
    (canon lift (core func $i "attack") (memory (core memory $i "memory")))))
