(component
  (core module $m
    (type $cell (struct (field (mut (ref null $cell)))))
    (func (export "attack")
      (local $last (ref null $cell))
      (loop $again (local.set $last (struct.new $cell (local.get $last))) (br $again))))
  (core instance $i (instantiate $m))
  (func (export "attack") (canon lift (core func $i "attack"))))
