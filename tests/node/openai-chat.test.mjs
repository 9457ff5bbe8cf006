// Chat completions with the `openai` package.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';

import OpenAI from 'openai';

import {
  DISTANCE, READING, RESULT, TWO_READINGS, assertUnique, baseURL, checkArguments, functions, isReady,
  servedModel, timeout,
} from './gateway.mjs';

// Without retries: a test must see the first answer.
const client = new OpenAI({ baseURL, apiKey: 'unused', maxRetries: 0, timeout });
const tools = functions.map((fn) => ({ type: 'function', function: fn }));
const named = (name) => ({ type: 'function', function: { name } });
let model;

before(async () => {
  model = await servedModel();
});

function ask(content, options = {}, settings = {}) {
  return client.chat.completions.create(
    { model, messages: [{ role: 'user', content }], ...options }, settings);
}

function checkCalls(calls) {
  for (const call of calls) {
    assert.equal(call.type, 'function');
    checkArguments(call.function.name, call.function.arguments);
  }
  assertUnique(calls.map((call) => call.id));
}

test('plain', { timeout }, async () => {
  const reply = await ask(DISTANCE);
  assert.equal(reply.object, 'chat.completion');
  assert.equal(reply.choices.length, 1);
  assert.equal(reply.choices[0].finish_reason, 'stop');
  assert.ok(reply.choices[0].message.content);
  assert.equal(reply.usage.total_tokens, reply.usage.prompt_tokens + reply.usage.completion_tokens);
  assert.ok(reply._request_id);
});

test('streaming says what a plain reply says', { timeout }, async () => {
  const plain = await ask(DISTANCE);
  const chunks = [];
  const options = { stream: true, stream_options: { include_usage: true } };
  for await (const chunk of await ask(DISTANCE, options)) chunks.push(chunk);
  const usage = chunks.pop();
  assert.deepEqual(usage.choices, []);
  assert.deepEqual(usage.usage, plain.usage);
  const pieces = chunks.map((chunk) => chunk.choices[0].delta.content ?? '');
  assert.equal(pieces.join(''), plain.choices[0].message.content);
  assertUnique(chunks.map((chunk) => chunk.choices[0].finish_reason).filter(Boolean));
});

test('the helper follows a stream', { timeout }, async () => {
  const stream = client.chat.completions.stream({
    model, tools, tool_choice: named('station_reading'),
    messages: [{ role: 'user', content: READING }],
  });
  const final = await stream.finalChatCompletion();
  assert.equal(final.choices[0].finish_reason, 'tool_calls');
  checkCalls(final.choices[0].message.tool_calls);
});

test('parallel calls, plain and streamed, and one when that is all that is wanted', { timeout }, async () => {
  const options = { tools, tool_choice: named('station_reading') };
  const plain = (await ask(TWO_READINGS, options)).choices[0].message.tool_calls;
  checkCalls(plain);

  const streamed = [];
  for await (const chunk of await ask(TWO_READINGS, { ...options, stream: true })) {
    for (const { index, ...call } of chunk.choices[0].delta.tool_calls ?? []) {
      if (index === streamed.length) {
        streamed.push({ ...call, function: { ...call.function } });
      } else {
        assert.equal(index, streamed.length - 1, 'one call after the other');
        assert.equal(call.id, undefined);
        streamed[index].function.arguments += call.function.arguments;
      }
    }
  }
  checkCalls(streamed);
  const written = (calls) => calls.map((call) => call.function);
  assert.deepEqual(written(streamed), written(plain));

  const one = await ask(TWO_READINGS, { ...options, parallel_tool_calls: false });
  assert.equal(one.choices[0].message.tool_calls.length, 1);
});

test('required calls something, none nothing', { timeout }, async () => {
  const required = await ask(READING, { tools, tool_choice: 'required' });
  checkCalls(required.choices[0].message.tool_calls);
  const library = await ask(DISTANCE, { tool_choice: 'required' });
  assert.ok(library.hyfunc.calls.length >= 1);

  const none = await ask(READING, { tools, tool_choice: 'none' });
  assert.equal(none.choices[0].message.tool_calls, undefined);
  assert.ok(none.choices[0].message.content);
});

test('a conversation with calls and their results', { timeout }, async () => {
  const messages = [{ role: 'user', content: READING }];
  const first = await client.chat.completions.create(
    { model, messages, tools, tool_choice: named('station_reading') });
  const { message } = first.choices[0];
  messages.push(message);
  for (const call of message.tool_calls) {
    messages.push({ role: 'tool', tool_call_id: call.id, content: RESULT });
  }
  const second = await client.chat.completions.create({ model, messages, tools });
  assert.equal(second.choices[0].finish_reason, 'stop');
  assert.ok(second.choices[0].message.content.includes(RESULT));
});

test('the tool runner comes to an end', { timeout }, async () => {
  const asked = [];
  const read = (args) => {
    asked.push(args);
    return RESULT;
  };
  const runner = client.chat.completions.runTools({
    model,
    messages: [{ role: 'user', content: READING }],
    tool_choice: named('station_reading'),
    tools: [{ type: 'function', function: { ...functions[0], parse: JSON.parse, function: read } }],
  });
  await runner.done();
  assert.ok(asked.length >= 1);
  for (const args of asked) checkArguments('station_reading', args);
});

test('errors have their class, code and param', { timeout }, async () => {
  const missing = await ask(DISTANCE, { model: 'no-such-model' }).catch((error) => error);
  assert.ok(missing instanceof OpenAI.NotFoundError);
  assert.equal(missing.code, 'model_not_found');
  assert.ok(missing.requestID);

  for (const [options, param] of [
    [{ n: 2 }, 'n'],
    [{ stop: ['x'] }, 'stop'],
    [{ seed: 'x' }, 'seed'],
    [{ tools: [{ type: 'function', function: { name: 'has spaces!' } }] }, 'tools[0].function.name'],
    [{ tool_choice: named('nowhere') }, 'tool_choice'],
  ]) {
    const refused = await ask(DISTANCE, options).catch((error) => error);
    assert.ok(refused instanceof OpenAI.BadRequestError, `${param}: ${refused}`);
    assert.equal(refused.param, param);
    const streamed = await ask(DISTANCE, { ...options, stream: true }).catch((error) => error);
    assert.ok(streamed instanceof OpenAI.BadRequestError, `${param}: ${streamed}`);
  }
});

test('an aborted request and an aborted stream do no harm', { timeout }, async () => {
  const gone = new AbortController();
  const request = ask(DISTANCE, {}, { signal: gone.signal });
  gone.abort();
  await assert.rejects(request, OpenAI.APIUserAbortError);

  const stream = await ask(DISTANCE, { stream: true });
  for await (const chunk of stream) {
    assert.ok(chunk.id);
    stream.controller.abort();
  }
  assert.ok(await isReady());
  assert.ok((await ask(DISTANCE)).choices[0].message.content);
});
