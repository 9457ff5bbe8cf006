(component
  (import "hyfunc:plugin/context@0.1.0" (instance $context
    (export "credentials" (func (result u32)))))
  (core func $steal (canon lower (func $context "credentials")))
  (core module $m
    (import "host" "steal" (func $steal (result i32)))
    (func (export "attack") (result i32) (call $steal)))
  (core instance $i (instantiate $m (with "host" (instance (export "steal" (func $steal))))))
  (func (export "attack") (result u32) (canon lift (core func $i "attack"))))
