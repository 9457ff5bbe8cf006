(component
  (core module $m (func (export "attack")))
  (core instance $i (instantiate $m))
  (func $attack (canon lift (core func $i "attack")))
  %exports%)
