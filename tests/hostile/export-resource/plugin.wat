(component
  (type $thing' (resource (rep i32)))
  (export $thing "thing" (type $thing'))
  (core module $m (func (export "new") (result i32) (i32.const 0)))
  (core instance $i (instantiate $m))
  (core func $new (canon resource.new $thing))
  (func (export "make") (result (own $thing)) (canon lift (core func $i "new"))))
