;; Functions that run as tasks of the component model's async, over WASI 0.3: what they should do,
;; and what they should not.
(component
  (import "wasi:clocks/monotonic-clock@0.3.0" (instance $clock
    (export "wait-for" (func async (param "how-long" u64)))))
  (import "wasi:random/random@0.3.0" (instance $random
    (export "get-random-bytes" (func (param "max-len" u64) (result (list u8))))))
  (import "wasi:cli/environment@0.3.0" (instance $environment
    (export "get-environment" (func (result (list (tuple string string)))))
    (export "get-arguments" (func (result (list string))))))
  (core module $allocator
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 4096))
    (func (export "cabi_realloc") (param i32 i32 i32) (param $bytes i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get $bytes)))
      (loop $again
        (if (i32.gt_u (global.get $next) (i32.shl (memory.size) (i32.const 16)))
          (then (drop (memory.grow (i32.const 16))) (br $again))))
      (local.get $at)))
  (core instance $allocator (instantiate $allocator))
  (alias core export $allocator "memory" (core memory $memory))
  (alias core export $allocator "cabi_realloc" (core func $realloc))

  (core func $wait-async (canon lower (func $clock "wait-for") async))
  (core func $wait-blocking (canon lower (func $clock "wait-for")))
  (core func $random-bytes
    (canon lower (func $random "get-random-bytes") (memory $memory) (realloc $realloc)))
  (core func $environment
    (canon lower (func $environment "get-environment") (memory $memory) (realloc $realloc)))
  (core func $arguments
    (canon lower (func $environment "get-arguments") (memory $memory) (realloc $realloc)))
  (core func $return (canon task.return))
  (core func $return-number (canon task.return (result u32)))
  (core func $return-bytes (canon task.return (result (list u8)) (memory $memory)))
  (core func $set-new (canon waitable-set.new))
  (core func $join (canon waitable.join))
  (core func $subtask-drop (canon subtask.drop))

  (core module $m
    (import "memory" "memory" (memory 1))
    (import "host" "wait-async" (func $wait-async (param i64) (result i32)))
    (import "host" "wait-blocking" (func $wait-blocking (param i64)))
    (import "host" "random-bytes" (func $random-bytes (param i64 i32)))
    (import "host" "environment" (func $environment (param i32)))
    (import "host" "arguments" (func $arguments (param i32)))
    (import "host" "return" (func $return))
    (import "host" "return-number" (func $return-number (param i32)))
    (import "host" "return-bytes" (func $return-bytes (param i32 i32)))
    (import "host" "set-new" (func $set-new (result i32)))
    (import "host" "join" (func $join (param i32 i32)))
    (import "host" "subtask-drop" (func $subtask-drop (param i32)))
    (table $t 1 funcref)
    ;; What a callback answers: 0 is the end, 1 another turn, 2 and a set in the upper bits a wait.
    (func $waiting (param $set i32) (result i32)
      (i32.or (i32.const 2) (i32.shl (local.get $set) (i32.const 4))))
    (func (export "no-callback") (param i32 i32 i32) (result i32) unreachable)

    (func (export "plain") (param $a i32) (param $b i32) (result i32)
      (i32.add (local.get $a) (local.get $b)))
    (func (export "add") (param $a i32) (param $b i32) (result i32)
      (call $return-number (i32.add (local.get $a) (local.get $b)))
      (i32.const 0))
    (func (export "count") (result i32)
      (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (i32.const 1)))
      (call $return-number (i32.load (i32.const 64)))
      (i32.const 0))

    ;; Waits in the host while it is not on the stack, and is called back.
    (func (export "later") (param $ms i64) (result i32)
      (local $status i32)
      (local $set i32)
      (local.set $status
        (call $wait-async (i64.mul (local.get $ms) (i64.const 1000000))))
      (if (i32.eq (i32.and (local.get $status) (i32.const 15)) (i32.const 2))
        (then (call $return-number (i32.const 0)) (return (i32.const 0))))
      (local.set $set (call $set-new))
      (call $join (i32.shr_u (local.get $status) (i32.const 4)) (local.get $set))
      (call $waiting (local.get $set)))
    (func (export "later-callback") (param $event i32) (param $subtask i32) (param $state i32) (result i32)
      (if (i32.or
            (i32.ne (local.get $event) (i32.const 1))
            (i32.ne (local.get $state) (i32.const 2)))
        (then unreachable))
      (call $subtask-drop (local.get $subtask))
      (call $return-number (i32.const 1))
      (i32.const 0))
    ;; The same on a stack that waits.
    (func (export "blocking") (param $ms i64)
      (call $wait-blocking (i64.mul (local.get $ms) (i64.const 1000000))))

    (func (export "random") (param $bytes i64) (result i32)
      (call $random-bytes (local.get $bytes) (i32.const 128))
      (call $return-number (i32.load (i32.const 132)))
      (i32.const 0))
    (func (export "surroundings") (result i32)
      (call $environment (i32.const 128))
      (call $arguments (i32.const 144))
      (call $return-number (i32.add (i32.load (i32.const 132)) (i32.load (i32.const 148))))
      (i32.const 0))
    (func (export "large") (param $bytes i32) (result i32)
      (drop (memory.grow (i32.add (i32.shr_u (local.get $bytes) (i32.const 16)) (i32.const 1))))
      (call $return-bytes (i32.const 65536) (local.get $bytes))
      (i32.const 0))

    (func (export "trap") (result i32) unreachable)
    (func (export "spin") (result i32) (loop $again (br $again)) (i32.const 0))
    (func (export "turn") (result i32) (i32.const 1))
    (func (export "turn-callback") (param i32 i32 i32) (result i32) (i32.const 1))
    (func (export "spin-callback") (param i32 i32 i32) (result i32) (loop $again (br $again)) (i32.const 0))
    (func (export "spin-returned") (result i32)
      (call $return)
      (loop $again (br $again))
      (i32.const 0))
    (func (export "twice") (result i32) (call $return) (call $return) (i32.const 0))
    (func (export "silent") (result i32) (i32.const 0))
    (func (export "stuck") (result i32) (call $waiting (call $set-new)))
    (func (export "grow") (result i32)
      (loop $again (drop (memory.grow (i32.const 16))) (br $again))
      (i32.const 0))
    (func (export "grow-table") (result i32)
      (loop $again (drop (table.grow $t (ref.null func) (i32.const 1000))) (br $again))
      (i32.const 0))
    (func $recurse (export "recurse") (param i32) (result i32)
      (i32.add (i32.const 1) (call $recurse (i32.add (i32.const 1) (local.get 0)))))
    (func (export "hoard-sets") (result i32)
      (loop $again (drop (call $set-new)) (br $again))
      (i32.const 0))
    (func (export "hoard-waits") (result i32)
      (loop $again (drop (call $wait-async (i64.const 3600000000000))) (br $again))
      (i32.const 0)))
  (core instance $i (instantiate $m
    (with "memory" (instance $allocator))
    (with "host" (instance
      (export "wait-async" (func $wait-async))
      (export "wait-blocking" (func $wait-blocking))
      (export "random-bytes" (func $random-bytes))
      (export "environment" (func $environment))
      (export "arguments" (func $arguments))
      (export "return" (func $return))
      (export "return-number" (func $return-number))
      (export "return-bytes" (func $return-bytes))
      (export "set-new" (func $set-new))
      (export "join" (func $join))
      (export "subtask-drop" (func $subtask-drop))))))

  (func (export "plain") (param "a" u32) (param "b" u32) (result u32)
    (canon lift (core func $i "plain")))
  (func (export "add") async (param "a" u32) (param "b" u32) (result u32)
    (canon lift (core func $i "add") async (callback (core func $i "no-callback"))))
  (func (export "count") async (result u32)
    (canon lift (core func $i "count") async (callback (core func $i "no-callback"))))
  (func (export "later") async (param "ms" u64) (result u32)
    (canon lift (core func $i "later") async (callback (core func $i "later-callback"))))
  (func (export "blocking") async (param "ms" u64)
    (canon lift (core func $i "blocking")))
  (func (export "random") async (param "bytes" u64) (result u32)
    (canon lift (core func $i "random") async (callback (core func $i "no-callback"))))
  (func (export "surroundings") async (result u32)
    (canon lift (core func $i "surroundings") async (callback (core func $i "no-callback"))))
  (func (export "large") async (param "bytes" u32) (result (list u8))
    (canon lift (core func $i "large") async (memory $memory)
      (callback (core func $i "no-callback"))))
  (func (export "trap") async
    (canon lift (core func $i "trap") async (callback (core func $i "no-callback"))))
  (func (export "spin") async
    (canon lift (core func $i "spin") async (callback (core func $i "no-callback"))))
  (func (export "turn") async
    (canon lift (core func $i "turn") async (callback (core func $i "turn-callback"))))
  (func (export "spin-called-back") async
    (canon lift (core func $i "turn") async (callback (core func $i "spin-callback"))))
  (func (export "spin-returned") async
    (canon lift (core func $i "spin-returned") async (callback (core func $i "no-callback"))))
  (func (export "twice") async
    (canon lift (core func $i "twice") async (callback (core func $i "no-callback"))))
  (func (export "silent") async
    (canon lift (core func $i "silent") async (callback (core func $i "no-callback"))))
  (func (export "stuck") async
    (canon lift (core func $i "stuck") async (callback (core func $i "no-callback"))))
  (func (export "grow") async
    (canon lift (core func $i "grow") async (callback (core func $i "no-callback"))))
  (func (export "grow-table") async
    (canon lift (core func $i "grow-table") async (callback (core func $i "no-callback"))))
  (func (export "recurse") async (param "depth" u32)
    (canon lift (core func $i "recurse") async (callback (core func $i "no-callback"))))
  (func (export "hoard-sets") async
    (canon lift (core func $i "hoard-sets") async (callback (core func $i "no-callback"))))
  (func (export "hoard-waits") async
    (canon lift (core func $i "hoard-waits") async (callback (core func $i "no-callback"))))
)
