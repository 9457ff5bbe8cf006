(component
  (core module $m
    (memory 1)
    (func (export "attack") (drop (memory.grow (i32.const 600)))))
  (core instance $a (instantiate $m))
  (core instance $b (instantiate $m))
  (core module $both
    (import "a" "attack" (func $a))
    (import "b" "attack" (func $b))
    (func (export "attack") (call $a) (call $b)))
  (core instance $i (instantiate $both (with "a" (instance $a)) (with "b" (instance $b))))
  (func (export "attack") (canon lift (core func $i "attack"))))
