(component
  (core module $m (func (export "convert") (result i32) (i32.const 7)))
  (core instance $i (instantiate $m))
  (func $typed (result u32) (canon lift (core func $i "convert")))
  (instance $units (export "convert" (func $typed)))
  (export "hyfunc:units/units@0.1.0" (instance $units)))
