;; Imports what no host offers.
(component
  (import "acme:vault/secrets@1.0.0" (instance $vault
    (export "reveal" (func (result u32)))))
  (core func $reveal (canon lower (func $vault "reveal")))
  (core module $m
    (import "vault" "reveal" (func $reveal (result i32)))
    (func (export "steal") (result i32) (call $reveal)))
  (core instance $i (instantiate $m (with "vault" (instance (export "reveal" (func $reveal))))))
  (func (export "steal") (result u32) (canon lift (core func $i "steal")))
)
