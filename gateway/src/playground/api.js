// The gateway's public API, and what can go wrong with it.

const KEY = "hyfunc.key";
// The page lies beside this file's folder, wherever a proxy has put both.
const ROOT = new URL("../", import.meta.url);

/** Why there is no answer. `kind` is `refused`, `unreachable`, `stopped`, `broken` or `unreadable`. */
export class GatewayError extends Error {
  constructor(kind, message, details = {}) {
    super(message);
    this.name = "GatewayError";
    this.kind = kind;
    this.status = details.status ?? null;
    this.code = details.code ?? null;
    this.retryAfterSeconds = details.retryAfterSeconds ?? null;
    this.requestId = details.requestId ?? null;
  }
}

/** Whatever was thrown, as something that can be shown. */
export function asGatewayError(error) {
  return error instanceof GatewayError
    ? error
    : new GatewayError("unreadable", `This page has a fault: ${error.message}`);
}

/** Where an endpoint is. */
export function address(path) {
  return new URL(path.replace(/^\//, ""), ROOT);
}

/** Keeps a key until the tab is closed. */
export function useKey(key) {
  try {
    if (key) {
      sessionStorage.setItem(KEY, key);
    } else {
      sessionStorage.removeItem(KEY);
    }
  } catch {
    // Without storage the key lasts as long as the page.
  }
  heldKey = key || null;
  dispatchEvent(new Event("hyfunc-key"));
}

let heldKey = readKey();

function readKey() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** Whether requests carry a key. */
export function hasKey() {
  return heldKey !== null;
}

/** JSON of an endpoint. */
export async function get(path, signal) {
  return readJson(await send(path, { method: "GET", signal }));
}

/** JSON of an endpoint that is sent JSON. */
export async function post(path, body, signal) {
  const response = await send(path, { method: "POST", body: JSON.stringify(body), signal });
  return { json: await readJson(response), ids: idsOf(response) };
}

/** The same as server-sent events: each one's JSON as it comes, up to the mark of the end. */
export async function* stream(path, body, signal, onOpen) {
  const response = await send(path, { method: "POST", body: JSON.stringify(body), signal });
  onOpen(idsOf(response));
  for await (const data of events(response, signal)) {
    if (data === "[DONE]") {
      return;
    }
    const json = parse(data, response);
    if (json.error) {
      throw refusal(json.error, response);
    }
    yield json;
  }
  throw new GatewayError("broken", "The answer broke off before its end.", idsOf(response));
}

function idsOf(response) {
  const traceId = response.headers.get("traceresponse")?.split("-")[1] ?? null;
  return { requestId: response.headers.get("x-request-id"), traceId };
}

async function send(path, options) {
  const headers = new Headers();
  if (options.body !== undefined) {
    headers.set("content-type", "application/json");
  }
  if (heldKey !== null) {
    headers.set("authorization", `Bearer ${heldKey}`);
  }
  let response;
  try {
    response = await fetch(address(path), { ...options, headers, cache: "no-store" });
  } catch (error) {
    throw connection(error, options.signal);
  }
  if (!response.ok) {
    throw await refused(response);
  }
  return response;
}

function connection(error, signal) {
  if (signal?.aborted || error.name === "AbortError") {
    return new GatewayError("stopped", "You stopped this request.");
  }
  return new GatewayError("unreachable", "The gateway cannot be reached.");
}

async function refused(response) {
  try {
    const json = await response.json();
    if (json.error) {
      return refusal(json.error, response);
    }
  } catch {
    // Whoever answered was not the gateway; the status has to say it all.
  }
  const message = `The answer has the status ${response.status} and no reason.`;
  return new GatewayError("refused", message, { status: response.status, ...idsOf(response) });
}

function refusal(error, response) {
  const seconds = Number(response.headers.get("retry-after"));
  return new GatewayError("refused", String(error.message), {
    status: response.ok ? null : response.status,
    code: error.code ?? null,
    retryAfterSeconds: Number.isFinite(seconds) && seconds > 0 ? seconds : null,
    ...idsOf(response),
  });
}

async function readJson(response) {
  return parse(await text(response), response);
}

async function text(response) {
  try {
    return await response.text();
  } catch (error) {
    throw connection(error);
  }
}

function parse(text, response) {
  try {
    return JSON.parse(text);
  } catch {
    const message = "The answer is not JSON. Is something else listening at this address?";
    throw new GatewayError("unreadable", message, idsOf(response));
  }
}

async function* events(response, signal) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) {
        return;
      }
      buffer += value;
      const blocks = buffer.split(/\r\n\r\n|\n\n|\r\r/);
      buffer = blocks.pop();
      for (const block of blocks) {
        const lines = block.split(/\r\n|\n|\r/).filter((line) => line.startsWith("data:"));
        if (lines.length > 0) {
          yield lines.map((line) => line.slice(5).replace(/^ /, "")).join("\n");
        }
      }
    }
  } catch (error) {
    throw error instanceof GatewayError ? error : connection(error, signal);
  } finally {
    reader.cancel().catch(() => {});
  }
}

let functions = null;

/** The library; asked for once. */
export function listFunctions() {
  functions ??= get("/v1/functions").then(
    (list) => list.data,
    (error) => {
      functions = null;
      throw error;
    },
  );
  return functions;
}

let model = null;

/** The name under which the models are asked; asked for once. */
export function servedModel() {
  model ??= get("/v1/models").then(
    (list) => list.data[0].id,
    (error) => {
      model = null;
      throw error;
    },
  );
  return model;
}
