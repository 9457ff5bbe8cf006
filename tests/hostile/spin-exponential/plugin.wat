(component
  (core module $m
    (func $fork (param i32)
      (if (i32.eqz (local.get 0)) (then (return)))
      (call $fork (i32.sub (local.get 0) (i32.const 1)))
      (call $fork (i32.sub (local.get 0) (i32.const 1))))
    (func (export "attack") (call $fork (i32.const 200))))
  (core instance $i (instantiate $m))
  (func (export "attack") (canon lift (core func $i "attack"))))
