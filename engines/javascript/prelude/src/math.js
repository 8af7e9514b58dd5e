// `Math.random`. The numbers of QuickJS would be the same for every request, since its state is
// part of the snapshot; these are seeded when a request asks for the first one.

import { hidden } from "./webidl.js";

// xoshiro128** by Blackman and Vigna, in 32 bits since QuickJS is fast with those.
let a = 0x9e3779b9;
let b = 0x243f6a88;
let c = 0xb7e15162;
let d = 0x6a09e667;
let seeded = false;

function seed() {
  if (native.snapshotting()) return;
  const words = new Uint32Array(4);
  native.random(new Uint8Array(words.buffer));
  [a, b, c, d] = words;
  a |= 1;
  seeded = true;
}

function next() {
  const product = Math.imul(b, 5);
  const result = Math.imul((product << 7) | (product >>> 25), 9);
  const shifted = b << 9;
  c ^= a;
  d ^= b;
  b ^= c;
  a ^= d;
  c ^= shifted;
  d = (d << 11) | (d >>> 21);
  return result >>> 0;
}

const { random } = {
  random() {
    if (!seeded) seed();
    return ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992;
  },
};

hidden(Math, "random", random);
