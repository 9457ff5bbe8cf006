(component
  (import "host-code" (core module $code (export "run" (func))))
  (core instance $c (instantiate $code))
  (core module $m (func (export "attack")))
  (core instance $i (instantiate $m))
  (func (export "attack") (canon lift (core func $i "attack"))))
