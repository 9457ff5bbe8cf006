(component
  (core module $m
    (table $t 1 funcref)
    (func (export "attack")
      (loop $again (drop (table.grow $t (ref.null func) (i32.const 1000))) (br $again))))
  (core instance $i (instantiate $m))
  (func (export "attack") (canon lift (core func $i "attack"))))
