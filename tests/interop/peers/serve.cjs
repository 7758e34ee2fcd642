// A peer's loop, as in serve.py: one request a line on standard input, one answer a line on standard output.
"use strict";

const readline = require("node:readline");

console.log = console.error; // whatever a package prints is no answer

async function serve(commands) {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    let answer;
    try {
      answer = { ok: await commands[request.do](request) };
    } catch (error) {
      answer = { refused: `${error.constructor.name}: ${error.message}` };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

// Stop the clock at a number of Unix seconds: some peers read it and take no time as an argument.
function stopClock(now) {
  const Real = Date;
  globalThis.Date = class Date extends Real {
    constructor(...given) {
      if (given.length) super(...given);
      else super(now * 1000);
    }

    static now() {
      return now * 1000;
    }
  };
}

const bytes = (hex) => new Uint8Array(Buffer.from(hex, "hex"));
const hex = (data) => Buffer.from(data).toString("hex");
// JSON has no bytes and no Map: for comparison, both become what Python's side makes of its own values.
const plain = (value) =>
  value instanceof Uint8Array ? hex(value)
  : value instanceof Date ? value.toISOString()
  : Array.isArray(value) ? value.map(plain)
  : value instanceof Map ? Object.fromEntries([...value].map(([name, item]) => [name, plain(item)]))
  : value;

module.exports = { serve, stopClock, bytes, hex, plain };
