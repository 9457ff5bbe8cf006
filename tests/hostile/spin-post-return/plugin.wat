(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "attack") (result i32) (i32.const 0))
    (func (export "clean") (param i32) (loop $again (br $again))))
  (core instance $i (instantiate $m))
  (func (export "attack") (result string)
    (canon lift (core func $i "attack")
      (memory (core memory $i "memory")) (post-return (core func $i "clean")))))
