(component
  (import "wasi:logging/logging@0.1.0-draft" (instance $logging
    (type $cases (enum "trace" "debug" "info" "warn" "error" "critical"))
    (export "level" (type $level (eq $cases)))
    (export "log" (func (param "level" $level) (param "context" string) (param "message" string)))))
  (core module $memory (memory (export "memory") 512))
  (core instance $memory (instantiate $memory))
  (core func $log (canon lower (func $logging "log") (memory (core memory $memory "memory"))))
  (core module $m
    (import "memory" "memory" (memory 512))
    (import "host" "log" (func $log (param i32 i32 i32 i32 i32)))
    (func (export "attack")
      (local $lines i32)
      (memory.fill (i32.const 0) (i32.const 120) (i32.const 100))
      (loop $again
        (call $log (i32.const 5) (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 100))
        (local.set $lines (i32.add (local.get $lines) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $lines) (i32.const 100000))))))
  (core instance $i (instantiate $m
    (with "memory" (instance $memory))
    (with "host" (instance (export "log" (func $log))))))
  (func (export "attack") (canon lift (core func $i "attack"))))
