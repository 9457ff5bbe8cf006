// The AI SDK, over chat completions and over the Responses API.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { createOpenAI } from '@ai-sdk/openai';
import { createOpenResponses } from '@ai-sdk/open-responses';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, generateText, isStepCount, jsonSchema, streamText, tool } from 'ai';

import {
  DISTANCE, READING, RESULT, TWO_READINGS, assertUnique, baseURL, checkArguments, functions, isReady,
  servedModel, timeout,
} from './gateway.mjs';

const compatible = createOpenAICompatible({ name: 'hyfunc', baseURL, includeUsage: true });
const openai = createOpenAI({ baseURL, apiKey: 'unused' });
const open = createOpenResponses({ name: 'hyfunc', url: `${baseURL}/responses` });
const providers = [
  ['chat completions, @ai-sdk/openai-compatible', (model) => compatible.chatModel(model)],
  ['chat completions, @ai-sdk/openai', (model) => openai.chat(model)],
  ['responses, @ai-sdk/openai', (model) => openai.responses(model)],
  ['responses, @ai-sdk/open-responses', (model) => open(model)],
];

// Functions without `execute` leave their calls to us.
const tools = Object.fromEntries(functions.map(({ name, description, parameters }) =>
  [name, tool({ description, inputSchema: jsonSchema(parameters) })]));
const station = { type: 'tool', toolName: 'station_reading' };
let served;

before(async () => {
  served = await servedModel();
});

function checkCalls(calls) {
  for (const call of calls) checkArguments(call.toolName, call.input);
  assertUnique(calls.map((call) => call.toolCallId));
}

for (const [name, provide] of providers) {
  describe(name, () => {
    // Without retries: a test must see the first answer.
    const settings = (prompt, options) =>
      ({ model: provide(served), prompt, maxRetries: 0, ...options });
    const ask = (prompt, options = {}) => generateText(settings(prompt, options));

    test('plain', { timeout }, async () => {
      const { text, finishReason, usage } = await ask(DISTANCE);
      assert.ok(text);
      assert.equal(finishReason, 'stop');
      assert.ok(usage.inputTokens > 0);
    });

    test('streaming says what a plain answer says', { timeout }, async () => {
      const { text } = await ask(DISTANCE);
      const stream = streamText(settings(DISTANCE));
      const pieces = [];
      for await (const piece of stream.textStream) pieces.push(piece);
      assert.equal(pieces.join(''), text);
      assert.equal(await stream.finishReason, 'stop');
      assert.ok((await stream.usage).inputTokens > 0);
    });

    test('parallel calls, plain and streamed', { timeout }, async () => {
      const options = { tools, toolChoice: station };
      const plain = await ask(TWO_READINGS, options);
      assert.ok(plain.toolCalls.length >= 1);
      checkCalls(plain.toolCalls);
      const stream = streamText(settings(TWO_READINGS, options));
      await stream.consumeStream();
      const streamed = await stream.toolCalls;
      checkCalls(streamed);
      const inputs = (calls) => calls.map((call) => call.input);
      assert.deepEqual(inputs(streamed), inputs(plain.toolCalls));
      assert.equal(await stream.finishReason, 'tool-calls');
    });

    test('required calls something, none nothing', { timeout }, async () => {
      const required = await ask(READING, { tools, toolChoice: 'required' });
      assert.ok(required.toolCalls.length >= 1);
      checkCalls(required.toolCalls);
      const none = await ask(READING, { tools, toolChoice: 'none' });
      assert.equal(none.toolCalls.length, 0);
      assert.ok(none.text);
    });

    test('a tool runs and its result is the answer', { timeout }, async () => {
      const asked = [];
      const execute = async (input) => {
        asked.push(input);
        return RESULT;
      };
      const { station_reading } = tools;
      const options = {
        tools: { station_reading: { ...station_reading, execute } },
        prepareStep: ({ stepNumber }) => (stepNumber === 0 ? { toolChoice: station } : {}),
        stopWhen: isStepCount(3),
      };
      const { text, steps } = await ask(READING, options);
      assert.ok(asked.length >= 1);
      for (const input of asked) checkArguments('station_reading', input);
      assert.equal(steps.length, 2);
      assert.ok(text.includes(RESULT), text);
    });

    test('a conversation goes on after a call of the library', { timeout }, async () => {
      const first = await ask(DISTANCE);
      const messages = [
        { role: 'user', content: DISTANCE },
        ...first.response.messages,
        { role: 'user', content: DISTANCE },
      ];
      const second = await ask(undefined, { messages });
      assert.ok(second.text);
    });

    test('errors have their status and say what to do', { timeout }, async () => {
      const cases = [
        [{ model: provide('no-such-model') }, 404, 'no-such-model'],
        [{ prompt: ' ' }, 400, 'role `user`'],
      ];
      if (name.startsWith('chat')) cases.push([{ stopSequences: ['x'] }, 400, '`stop`']);
      for (const [options, status, words] of cases) {
        const error = await ask(DISTANCE, options).catch((error) => error);
        assert.ok(APICallError.isInstance(error), `${error}`);
        assert.equal(error.statusCode, status);
        assert.ok(error.message.includes(words), error.message);
      }
    });

    test('an aborted request and an aborted stream do no harm', { timeout }, async () => {
      const gone = new AbortController();
      const request = ask(DISTANCE, { abortSignal: gone.signal });
      gone.abort();
      await assert.rejects(request, { name: 'AbortError' });

      const left = new AbortController();
      const stream = streamText(settings(DISTANCE, { abortSignal: left.signal }));
      let aborted = false;
      for await (const part of stream.fullStream) {
        if (part.type === 'start-step') left.abort();
        aborted ||= part.type === 'abort';
      }
      assert.ok(aborted);
      assert.ok(await isReady());
      assert.ok((await ask(DISTANCE)).text);
    });
  });
}
