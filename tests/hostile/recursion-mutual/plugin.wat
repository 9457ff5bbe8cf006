(component
  (core module $m
    (type $step (func (param i64 i64 i64 i64) (result i64)))
    (table funcref (elem $one $two))
    (func $one (type $step)
      (i64.add (local.get 3) (call_indirect (type $step)
        (local.get 1) (local.get 2) (local.get 3) (i64.add (local.get 0) (i64.const 1)) (i32.const 1))))
    (func $two (type $step)
      (i64.mul (local.get 2) (call_indirect (type $step)
        (local.get 3) (local.get 0) (local.get 1) (i64.add (local.get 2) (i64.const 1)) (i32.const 0))))
    (func (export "attack")
      (drop (call $one (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)))))
  (core instance $i (instantiate $m))
  (func (export "attack") (canon lift (core func $i "attack"))))
