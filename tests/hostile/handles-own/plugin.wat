;; Resources of its own are handles, too: their table lies in the host.
(component
  (type $thing (resource (rep i32)))
  (core func $new (canon resource.new $thing))
  (core module $m
    (import "host" "new" (func $new (param i32) (result i32)))
    (func (export "attack")
      (loop $again (drop (call $new (i32.const 1))) (br $again))))
  (core instance $i (instantiate $m (with "host" (instance (export "new" (func $new))))))
  (func (export "attack") (canon lift (core func $i "attack"))))
