;; Logs as many bytes as it is told, and asks how long it may run.
(component
  (import "wasi:logging/logging@0.1.0-draft" (instance $logging
    (type $cases (enum "trace" "debug" "info" "warn" "error" "critical"))
    (export "level" (type $level (eq $cases)))
    (export "log" (func (param "level" $level) (param "context" string) (param "message" string)))))
  (import "hyfunc:plugin/context@0.1.0" (instance $context
    (export "deadline-ms-left" (func (result u64)))))
  (core module $memory (memory (export "memory") 1))
  (core instance $memory (instantiate $memory))
  (core func $log (canon lower (func $logging "log") (memory (core memory $memory "memory"))))
  (core func $left (canon lower (func $context "deadline-ms-left")))
  (core module $m
    (import "memory" "memory" (memory 1))
    (import "host" "log" (func $log (param i32 i32 i32 i32 i32)))
    (import "host" "left" (func $left (result i64)))
    (func (export "shout") (param $bytes i32)
      (drop (memory.grow (i32.add (i32.shr_u (local.get $bytes) (i32.const 16)) (i32.const 1))))
      (i32.store8 (i32.const 0) (i32.const 104))
      (memory.fill (i32.const 65536) (i32.const 120) (local.get $bytes))
      (call $log (i32.const 4)
        (i32.const 0) (i32.const 1)
        (i32.const 65536) (local.get $bytes)))
    (func (export "left") (result i64) (call $left)))
  (core instance $i (instantiate $m
    (with "memory" (instance $memory))
    (with "host" (instance
      (export "log" (func $log))
      (export "left" (func $left))))))
  (func (export "shout") (param "bytes" u32) (canon lift (core func $i "shout")))
  (func (export "left") (result u64) (canon lift (core func $i "left")))
)
