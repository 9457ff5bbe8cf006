(module (func (export "attack")))
