(component
  (core module $m
    (memory (export "memory") 16)
    (func (export "attack") (result i32)
      (local $at i32)
      (local.set $at (i32.const 65536))
      (loop $again
        (i32.store (local.get $at) (i32.const 16))
        (i32.store offset=4 (local.get $at) (i32.const 2500))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $again (i32.lt_u (local.get $at) (i32.const 865536))))
      (i32.store (i32.const 0) (i32.const 65536))
      (i32.store (i32.const 4) (i32.const 100000))
      (i32.const 0)))
  (core instance $i (instantiate $m))
  (func (export "attack") (result (list (list u8)))
    (canon lift (core func $i "attack") (memory (core memory $i "memory")))))
