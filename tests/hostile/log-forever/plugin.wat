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
      (loop $again
        (call $log (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 10))
        (br $again))))
  (core instance $i (instantiate $m
    (with "memory" (instance $memory))
    (with "host" (instance (export "log" (func $log))))))
  (func (export "attack") (canon lift (core func $i "attack"))))
