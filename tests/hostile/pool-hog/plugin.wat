;; Nearly all the core instances and tables of the pool that one component may have, in every call.
(component
  (core module $empty)
  (core module $table (table 10000 funcref))
  %instances%
  %tables%
  (core module $m (func (export "attack") (loop $again (br $again))))
  (core instance $i (instantiate $m))
  (func (export "attack") (canon lift (core func $i "attack"))))
