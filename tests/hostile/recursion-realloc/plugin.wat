(component
  (core module $m
    (memory (export "memory") 1)
    (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
      (i32.add (i32.const 8)
        (call $realloc (local.get 0) (local.get 1) (local.get 2) (local.get 3))))
    (func (export "attack") (param i32 i32)))
  (core instance $i (instantiate $m))
  (func (export "attack") (param "text" string)
    (canon lift (core func $i "attack")
      (memory (core memory $i "memory")) (realloc (core func $i "cabi_realloc")))))
