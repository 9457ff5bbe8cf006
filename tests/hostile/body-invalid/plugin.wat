(component
  (core module $m (func (export "attack") (result i32) (i64.const 1)))
  (core instance $i (instantiate $m))
  (func (export "attack") (result u32) (canon lift (core func $i "attack"))))
