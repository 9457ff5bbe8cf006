(component
  (core module $m
    (table $t 10000 funcref)
    (func (export "attack")
      (loop $again
        (table.fill $t (i32.const 0) (ref.null func) (i32.const 10000))
        (table.copy $t $t (i32.const 1) (i32.const 0) (i32.const 9999))
        (br $again))))
  (core instance $i (instantiate $m))
  (func (export "attack") (canon lift (core func $i "attack"))))
