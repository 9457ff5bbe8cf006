(component
  (core module $m
    (func (export "attack") (result i32) (i32.const 0xdead)))
  (core instance $i (instantiate $m))
  (func (export "attack") (result bool) (canon lift (core func $i "attack"))))
