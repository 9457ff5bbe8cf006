(component
  (core func $return (canon task.return))
  (core module $m
    (import "host" "return" (func $return))
    (func (export "attack") (call $return)))
  (core instance $i (instantiate $m (with "host" (instance (export "return" (func $return))))))
  (func (export "attack") async (canon lift (core func $i "attack") async)))
