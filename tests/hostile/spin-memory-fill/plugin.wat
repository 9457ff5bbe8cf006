(component
  (core module $m
    (memory 512)
    (func (export "attack")
      (loop $again
        (memory.fill (i32.const 0) (i32.const 7) (i32.const 33554432))
        (br $again))))
  (core instance $i (instantiate $m))
  (func (export "attack") (canon lift (core func $i "attack"))))
