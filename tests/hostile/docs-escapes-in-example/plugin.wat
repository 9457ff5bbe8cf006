(component
  (core module $m (memory (export "memory") 1) (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64)) (func (export "attack") (param i32 i32)))
  (core instance $i (instantiate $m))
  (func (export "attack") (param "text" string) (canon lift (core func $i "attack")
    (memory (core memory $i "memory")) (realloc (core func $i "cabi_realloc"))))
  (@custom "hyfunc:docs" "{\"version\": 1, \"functions\": {\"attack\": {\"summary\": \"Tell the tide.\", \"examples\": [{\"utterance\": \"the tide\", \"arguments\": {\"text\": \"\\u001b[31m\"}}]}}}")
)
