// The gateway under test, and the functions that these tests send along.

import assert from 'node:assert/strict';

export const url = process.env.HYFUNC_URL ?? 'http://127.0.0.1:8080';
export const baseURL = `${url}/v1`;

export const READING = 'What does station KX7 read in celsius?';
export const DISTANCE = 'Convert 12 kilometers to miles';
export const TWO_READINGS = 'What do stations KX7 and QR2 read in celsius?';
export const RESULT = 'It reads 21 degrees.';

// Milliseconds that one test may take.
export const timeout = 300_000;

const station = {
  name: 'station_reading',
  description: 'Reads a weather station by its code.',
  parameters: {
    type: 'object',
    properties: {
      code: { type: 'string', description: 'Code of the station, such as KX7' },
      unit: { type: 'string', enum: ['celsius', 'fahrenheit'] },
    },
    required: ['code', 'unit'],
    additionalProperties: false,
  },
};

const booking = {
  name: 'book_room',
  description: 'Books a meeting room for some people.',
  parameters: {
    type: 'object',
    properties: {
      room: { type: 'string', description: 'Name of the room' },
      people: { type: 'integer', minimum: 1, maximum: 40 },
    },
    required: ['room', 'people'],
    additionalProperties: false,
  },
};

export const functions = [station, booking];

export async function servedModel() {
  const models = await (await fetch(`${baseURL}/models`)).json();
  return models.data[0].id;
}

export async function isReady() {
  return (await fetch(`${url}/readyz`)).status === 200;
}

// Whatever the models say, arguments fit the schema that was sent.
export function checkArguments(name, args) {
  const parsed = typeof args === 'string' ? JSON.parse(args) : args;
  if (name === 'station_reading') {
    assert.deepEqual(Object.keys(parsed).sort(), ['code', 'unit']);
    assert.equal(typeof parsed.code, 'string');
    assert.ok(['celsius', 'fahrenheit'].includes(parsed.unit), parsed.unit);
  } else {
    assert.equal(name, 'book_room');
    assert.deepEqual(Object.keys(parsed).sort(), ['people', 'room']);
    assert.equal(typeof parsed.room, 'string');
    assert.ok(Number.isInteger(parsed.people) && parsed.people >= 1 && parsed.people <= 40);
  }
}

export function assertUnique(ids) {
  assert.equal(new Set(ids).size, ids.length, `twice: ${ids}`);
}
