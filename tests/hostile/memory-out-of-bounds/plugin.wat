(component
  (core module $m
    (memory 1)
    (func (export "attack")
      (memory.copy (i32.const 0) (i32.const 65535) (i32.const 2147483647))))
  (core instance $i (instantiate $m))
  (func (export "attack") (canon lift (core func $i "attack"))))
