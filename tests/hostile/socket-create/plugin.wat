;; Counts the sockets that it gets.
(component
  (import "wasi:sockets/network@0.2.0" (instance $network
    (type $code' (enum "unknown" "access-denied" "not-supported" "invalid-argument" "out-of-memory"
      "timeout" "concurrency-conflict" "not-in-progress" "would-block" "invalid-state"
      "new-socket-limit" "address-not-bindable" "address-in-use" "remote-unreachable"
      "connection-refused" "connection-reset" "connection-aborted" "datagram-too-large"
      "name-unresolvable" "temporary-resolver-failure" "permanent-resolver-failure"))
    (export "error-code" (type $code (eq $code')))
    (type $family' (enum "ipv4" "ipv6"))
    (export "ip-address-family" (type $family (eq $family')))))
  (alias export $network "error-code" (type $code))
  (alias export $network "ip-address-family" (type $family))
  (import "wasi:sockets/tcp@0.2.0" (instance $tcp (export "tcp-socket" (type (sub resource)))))
  (alias export $tcp "tcp-socket" (type $socket))
  (import "wasi:sockets/tcp-create-socket@0.2.0" (instance $create
    (alias outer 1 $code (type $outer-code))
    (export "error-code" (type $code (eq $outer-code)))
    (alias outer 1 $family (type $outer-family))
    (export "ip-address-family" (type $family (eq $outer-family)))
    (alias outer 1 $socket (type $outer-socket))
    (export "tcp-socket" (type $socket (eq $outer-socket)))
    (export "create-tcp-socket" (func (param "address-family" $family)
      (result (result (own $socket) (error $code)))))))
  (core module $allocator
    (memory (export "memory") 32)
    (global $next (mut i32) (i32.const 1048576))
    (func (export "cabi_realloc") (param i32 i32 i32) (param $bytes i32) (result i32)
      (local $at i32)
      (local.set $at (global.get $next))
      (global.set $next (i32.and
        (i32.add (i32.add (local.get $at) (local.get $bytes)) (i32.const 15)) (i32.const -16)))
      (local.get $at)))
  (core instance $allocator (instantiate $allocator))
  (alias core export $allocator "memory" (core memory $memory))
  (alias core export $allocator "cabi_realloc" (core func $realloc))
  (core func $create (canon lower (func $create "create-tcp-socket") (memory $memory)))
  (core module $m
    (import "memory" "memory" (memory 32))
    (import "host" "create" (func $create (param i32 i32)))
    (func (export "attack") (result i32)
      (local $sockets i32)
      (loop $again
        (call $create (i32.const 0) (i32.const 0))
        (if (i32.load8_u (i32.const 0)) (then (return (local.get $sockets))))
        (local.set $sockets (i32.add (local.get $sockets) (i32.const 1)))
        (br $again))
      unreachable))
  (core instance $i (instantiate $m
    (with "memory" (instance $allocator))
    (with "host" (instance (export "create" (func $create))))))
  (func (export "attack") (result u32) (canon lift (core func $i "attack"))))
