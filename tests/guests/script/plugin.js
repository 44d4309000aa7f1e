// A plugin as somebody writes it in JavaScript with nothing but the contract: answers one
// path itself, marks the rest, writes answers in capitals, and counts what it saw.

import { write } from 'tamis:plugin/log@0.1.0';

let greeting = 'hello';
let seen = 0;
const open = new Map();

// This engine has no `TextEncoder`; what is sent here is ASCII.
const bytesOf = (text) => Uint8Array.from(text, (one) => one.charCodeAt(0));
const textOf = (bytes) => Array.from(bytes, (one) => String.fromCharCode(one)).join('');

export const lifecycle = {
  describe() {
    return {
      name: 'script',
      version: '0.1.0',
      summary: 'Greets',
      stance: 'guard',
      configSchema: undefined,
      metrics: [],
    };
  },

  init(environment) {
    const config = JSON.parse(environment.config) ?? {};
    const mistakes = Object.keys(config)
      .filter((key) => key !== 'greeting')
      .map((key) => ({ path: `/${key}`, message: 'is not known', hint: '`greeting`' }));
    if (mistakes.length > 0) throw mistakes;
    greeting = config.greeting ?? greeting;
    const limits = {
      // Plain numbers: this toolchain traps on a BigInt where the contract has 64 bits.
      maxBytes: 1048576,
      onOverflow: 'pass',
      mediaTypes: ['text/*'],
      decode: true,
      unit: 'line',
    };
    return {
      paths: [],
      request: { fields: { tag: 'only', val: ['x-name'] }, body: { tag: 'skip' } },
      response: { fields: { tag: 'nothing' }, body: { tag: 'transform', val: limits } },
      done: { fields: { tag: 'nothing' }, minStatus: 0 },
      logs: undefined,
      tick: undefined,
      health: false,
      errors: false,
    };
  },

  shutdown() {},
};

export const httpRequest = {
  onRequest(id, head) {
    if (head.target === '/fault') throw { kind: 'unprocessable', message: 'as it was told' };
    if (head.target === '/throw') undefined.nothing;
    if (head.target === '/loop') for (;;);
    open.set(id, head.target);
    const name = head.headers.find(([field]) => field === 'x-name')?.[1];
    if (head.target === '/greet') {
      const body = bytesOf(`${greeting}, ${name}\n`);
      return { tag: 'respond', val: { status: 200, headers: [['content-type', 'text/plain']], body } };
    }
    return { tag: 'proceed', val: [{ tag: 'set-header', val: ['x-script', String(++seen)] }] };
  },
};

export const httpResponseBody = {
  onResponseBody(id, part) {
    return { tag: 'replace', val: bytesOf(textOf(part.data).toUpperCase()) };
  },
};

export const httpDone = {
  onDone(what) {
    write('info', `${open.get(what.exchange)} took ${what.total} ns`, [
      ['http.response.status_code', { tag: 'integer', val: what.status }],
    ]);
    open.delete(what.exchange);
  },
};
