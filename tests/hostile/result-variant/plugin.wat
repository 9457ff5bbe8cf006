(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "attack") (result i32)
      (i32.store (i32.const 0) (i32.const 255))
      (i32.store (i32.const 4) (i32.const 7))
      (i32.const 0)))
  (core instance $i (instantiate $m))
  (type $shape (variant (case "none") (case "some" u32)))
  (export $named "shape" (type $shape))
  (func (export "attack") (result $named)
    (canon lift (core func $i "attack") (memory (core memory $i "memory")))))
