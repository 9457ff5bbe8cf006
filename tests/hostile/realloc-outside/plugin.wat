(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
      (i32.const -8))
    (func (export "attack") (param i32 i32)))
  (core instance $i (instantiate $m))
  (func (export "attack") (param "words" (list u64))
    (canon lift (core func $i "attack")
      (memory (core memory $i "memory")) (realloc (core func $i "cabi_realloc")))))
