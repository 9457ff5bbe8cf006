;; `fill` leaves a mark in all of its memory, a global and a table; `attack` counts what it finds.
(component
  (core module $m
    (memory 200)
    (global $mark (mut i32) (i32.const 0))
    (table $marks 100 funcref)
    (elem declare func $fill)
    (func $fill (export "fill")
      (memory.fill (i32.const 0) (i32.const 165) (i32.const 13107200))
      (global.set $mark (i32.const 1))
      (table.fill $marks (i32.const 0) (ref.func $fill) (i32.const 100)))
    (func (export "attack") (result i32)
      (local $at i32) (local $found i32)
      (local.set $found (global.get $mark))
      (loop $again
        (if (i64.ne (i64.load (local.get $at)) (i64.const 0))
          (then (local.set $found (i32.add (local.get $found) (i32.const 1)))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $again (i32.lt_u (local.get $at) (i32.const 13107200))))
      (local.set $at (i32.const 0))
      (loop $again
        (if (i32.eqz (ref.is_null (table.get $marks (local.get $at))))
          (then (local.set $found (i32.add (local.get $found) (i32.const 1)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $at) (i32.const 100))))
      (local.get $found)))
  (core instance $i (instantiate $m))
  (func (export "fill") (canon lift (core func $i "fill")))
  (func (export "attack") (result u32) (canon lift (core func $i "attack"))))
