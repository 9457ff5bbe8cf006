(component
  (core module $m
    (func (export "attack") (result i32) (i32.const -6)))
  (core instance $i (instantiate $m))
  (type $shape (flags "read" "write"))
  (export $named "shape" (type $shape))
  (func (export "attack") (result $named)
    (canon lift (core func $i "attack"))))
