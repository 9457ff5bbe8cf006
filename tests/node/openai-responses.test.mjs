// The Responses API with the `openai` package.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';

import OpenAI from 'openai';

import {
  DISTANCE, READING, RESULT, TWO_READINGS, assertUnique, baseURL, checkArguments, functions, isReady,
  servedModel, timeout,
} from './gateway.mjs';

const client = new OpenAI({ baseURL, apiKey: 'unused', maxRetries: 0, timeout });
const tools = functions.map((fn) => ({ type: 'function', strict: true, ...fn }));
const named = (name) => ({ type: 'function', name });
let model;

before(async () => {
  model = await servedModel();
});

function ask(input, options = {}, settings = {}) {
  return client.responses.create({ model, input, ...options }, settings);
}

function callsOf(response) {
  const calls = response.output.filter((item) => item.type === 'function_call');
  for (const call of calls) {
    assert.equal(call.status, 'completed');
    checkArguments(call.name, call.arguments);
  }
  assertUnique(calls.map((call) => call.call_id));
  return calls;
}

async function eventsOf(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  events.forEach((event, at) => assert.equal(event.sequence_number, at));
  assert.deepEqual(events.slice(0, 2).map((event) => event.type),
    ['response.created', 'response.in_progress']);
  return events;
}

test('plain', { timeout }, async () => {
  const response = await ask(DISTANCE);
  assert.equal(response.object, 'response');
  assert.equal(response.status, 'completed');
  assert.ok(response.output_text);
  assert.equal(response.output.at(-1).type, 'message');
  const { usage } = response;
  assert.equal(usage.total_tokens, usage.input_tokens + usage.output_tokens);
  assert.ok(response._request_id);
});

test('streaming says what a plain answer says', { timeout }, async () => {
  const events = await eventsOf(await ask(DISTANCE, { stream: true }));
  const last = events.at(-1);
  assert.equal(last.type, 'response.completed');
  const deltas = events.filter((event) => event.type === 'response.output_text.delta');
  const text = deltas.map((event) => event.delta).join('');
  assert.equal(text, (await ask(DISTANCE)).output_text);
  assert.equal(last.response.output.at(-1).content[0].text, text);
  const done = events.filter((event) => event.type === 'response.output_item.done');
  assert.deepEqual(done.map((event) => event.item), last.response.output);
});

test('the helper follows a stream', { timeout }, async () => {
  const options = { model, input: READING, tools, tool_choice: named('station_reading') };
  const seen = new Set();
  const stream = client.responses.stream(options);
  stream.on('event', (event) => seen.add(event.type));
  const final = await stream.finalResponse();
  assert.ok(seen.has('response.function_call_arguments.delta'));
  assert.ok(callsOf(final).length >= 1);

  const library = client.responses.stream({ model, input: DISTANCE, tool_choice: 'required' });
  const ran = (await library.finalResponse()).output.filter((item) => item.type === 'mcp_call');
  assert.ok(ran.length >= 1);
});

test('parallel calls, plain and streamed, and one when that is all that is wanted', { timeout }, async () => {
  const options = { tools, tool_choice: named('station_reading') };
  const plain = callsOf(await ask(TWO_READINGS, options));
  assert.ok(plain.length >= 1);

  const events = await eventsOf(await ask(TWO_READINGS, { ...options, stream: true }));
  const streamed = new Map();
  for (const event of events) {
    if (event.type === 'response.function_call_arguments.delta') {
      streamed.set(event.item_id, (streamed.get(event.item_id) ?? '') + event.delta);
    }
  }
  assert.deepEqual([...streamed.values()], plain.map((call) => call.arguments));
  assert.deepEqual([...streamed.keys()], callsOf(events.at(-1).response).map((call) => call.id));

  const one = await ask(TWO_READINGS, { ...options, parallel_tool_calls: false });
  assert.equal(callsOf(one).length, 1);
});

test('required calls something, none nothing, allowed_tools nothing else', { timeout }, async () => {
  const required = await ask(READING, { tools, tool_choice: 'required' });
  assert.ok(callsOf(required).length >= 1);

  const none = await ask(READING, { tools, tool_choice: 'none' });
  assert.deepEqual(none.output.map((item) => item.type), ['message']);

  const allowed = { type: 'allowed_tools', mode: 'required', tools: [named('book_room')] };
  const some = callsOf(await ask(READING, { tools, tool_choice: allowed }));
  assert.deepEqual([...new Set(some.map((call) => call.name))], ['book_room']);
});

test('a call of the library comes back as one that has run', { timeout }, async () => {
  const response = await ask(DISTANCE, { tool_choice: 'required' });
  const ran = response.output.filter((item) => item.type === 'mcp_call');
  assert.ok(ran.length >= 1);
  for (const call of ran) {
    assert.equal(call.server_label, 'hyfunc');
    assert.equal(typeof JSON.parse(call.arguments), 'object');
    assert.ok(call.status === 'completed' ? call.output : call.error, call);
  }
});

test('a conversation with calls and their results', { timeout }, async () => {
  const input = [{ role: 'user', content: READING }];
  const first = await ask(input, { tools, tool_choice: named('station_reading') });
  input.push(...first.output);
  for (const call of callsOf(first)) {
    input.push({ type: 'function_call_output', call_id: call.call_id, output: RESULT });
  }
  const second = await ask(input, { tools });
  assert.deepEqual(second.output.map((item) => item.type), ['message']);
  assert.ok(second.output_text.includes(RESULT));
});

test('errors have their class, code and param', { timeout }, async () => {
  const missing = await ask(DISTANCE, { model: 'no-such-model' }).catch((error) => error);
  assert.ok(missing instanceof OpenAI.NotFoundError);
  assert.equal(missing.code, 'model_not_found');

  for (const [options, param] of [
    [{ store: true }, 'store'],
    [{ previous_response_id: 'resp_1' }, 'previous_response_id'],
    [{ background: true }, 'background'],
    [{ tools: [{ type: 'web_search' }] }, 'tools[0].type'],
    [{ tool_choice: named('nowhere') }, 'tool_choice'],
    [{ input: '' }, 'input'],
  ]) {
    for (const stream of [false, true]) {
      const refused = await ask(DISTANCE, { ...options, stream }).catch((error) => error);
      assert.ok(refused instanceof OpenAI.BadRequestError, `${param}: ${refused}`);
      assert.equal(refused.param, param);
    }
  }
});

test('a failure in mid-stream is raised', { timeout }, async () => {
  // The deadline passes before the answer is there, or while it is being told.
  const headers = { 'x-hyfunc-deadline-ms': '1' };
  const outcome = await ask(DISTANCE, { stream: true }, { headers })
    .then(async (stream) => {
      let last;
      for await (const event of stream) last = event.type;
      return last;
    })
    .catch((error) => error);
  if (outcome !== 'response.completed') {
    assert.ok(outcome instanceof OpenAI.APIError, `${outcome}`);
    assert.equal(outcome.code, 'deadline_exceeded');
  }
});

test('an aborted request and an aborted stream do no harm', { timeout }, async () => {
  const gone = new AbortController();
  const request = ask(DISTANCE, {}, { signal: gone.signal });
  gone.abort();
  await assert.rejects(request, OpenAI.APIUserAbortError);

  const stream = await ask(DISTANCE, { stream: true });
  for await (const event of stream) {
    assert.ok(event.type);
    stream.controller.abort();
  }
  assert.ok(await isReady());
  assert.ok((await ask(DISTANCE)).output_text);
});
