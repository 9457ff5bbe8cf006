;; Loops in loops, and as many variables that change in the innermost: a compiler keeps track of
;; every variable in every loop. These ten kilobytes compile for seconds; fifty would for minutes.
(component
  (core module $m
    (func (export "attack") (local %variables%)
      %loops%
      %changes%
      local.get 0
      br_if 0
      %ends%))
  (core instance $i (instantiate $m))
  (func (export "attack") (canon lift (core func $i "attack"))))
