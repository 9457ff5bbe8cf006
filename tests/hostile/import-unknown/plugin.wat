(component
  (import "wasi:secrets/vault@0.2.0" (instance $vault (export "reveal" (func (result u32)))))
  (core func $reveal (canon lower (func $vault "reveal")))
  (core module $m
    (import "host" "reveal" (func $reveal (result i32)))
    (func (export "attack") (result i32) (call $reveal)))
  (core instance $i (instantiate $m (with "host" (instance (export "reveal" (func $reveal))))))
  (func (export "attack") (result u32) (canon lift (core func $i "attack"))))
