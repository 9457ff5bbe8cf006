(component
  (core module $m (func (export "attack") (result i32) (i32.const 7)))
  (core instance $i (instantiate $m))
  (func (export "attack") (result u32) (canon lift (core func $i "attack")))
  (@custom "hyfunc:docs" "{\"version\": 1, \"functions\": {\"attack\": {\"reply\": \"{% for a in range(10000) %}{% for b in range(10000) %}{{ b }}{% endfor %}{% endfor %}\"}}}")
)
