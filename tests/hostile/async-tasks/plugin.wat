(component
  (component $inner
    (core func $return (canon task.return))
    (core func $set-new (canon waitable-set.new))
    (core module $m
      (import "host" "return" (func $return))
      (import "host" "set-new" (func $set-new (result i32)))
      (global $set (mut i32) (i32.const 0))
      (func (export "linger") (result i32)
        (if (i32.eqz (global.get $set)) (then (global.set $set (call $set-new))))
        (call $return)
        (i32.or (i32.const 2) (i32.shl (global.get $set) (i32.const 4))))
      (func (export "called-back") (param i32 i32 i32) (result i32) (unreachable)))
    (core instance $i (instantiate $m (with "host" (instance
      (export "return" (func $return))
      (export "set-new" (func $set-new))))))
    (func (export "linger") async
      (canon lift (core func $i "linger") async (callback (core func $i "called-back")))))
  (component $outer
    (import "linger" (func $linger async))
    (core func $begin (canon lower (func $linger) async))
    (core func $drop (canon subtask.drop))
    (core module $m
      (import "host" "begin" (func $begin (result i32)))
      (import "host" "drop" (func $drop (param i32)))
      (func (export "attack") (result i32)
        (local $status i32)
        (loop $again
          (local.set $status (call $begin))
          ;; A handle comes only with a task that has not returned yet.
          (if (i32.shr_u (local.get $status) (i32.const 4))
            (then (call $drop (i32.shr_u (local.get $status) (i32.const 4)))))
          (br $again))
        (i32.const 0))
      (func (export "called-back") (param i32 i32 i32) (result i32) (unreachable)))
    (core instance $i (instantiate $m (with "host" (instance
      (export "begin" (func $begin))
      (export "drop" (func $drop))))))
    (func (export "attack") async
      (canon lift (core func $i "attack") async (callback (core func $i "called-back")))))
  (instance $inner (instantiate $inner))
  (instance $outer (instantiate $outer (with "linger" (func $inner "linger"))))
  (export "attack" (func $outer "attack")))
