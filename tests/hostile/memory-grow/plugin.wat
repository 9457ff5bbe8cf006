(component
  (core module $m
    (memory 1)
    (func (export "attack") (loop $again (drop (memory.grow (i32.const 16))) (br $again))))
  (core instance $i (instantiate $m))
  (func (export "attack") (canon lift (core func $i "attack"))))
