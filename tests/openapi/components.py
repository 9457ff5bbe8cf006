"""Components are sent as the bytes that are made up for them: schemathesis knows no `application/wasm`."""

import schemathesis
from schemathesis.transport.serialization import serialize_binary


@schemathesis.serializer("application/wasm")
def wasm(_context, value):
    return serialize_binary(value)
