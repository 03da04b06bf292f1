/** SHA-256 of data that arrives in chunks. */
export interface Sha256 {
  update(data: Uint8Array): void;
  /** Returns 64 lower-case hex characters. Must be the last call. */
  hex(): string;
}

const BLOCK = 64;

/**
 * SHA-256 (FIPS 180-4) for hosts whose own function needs the whole data at once, such as Web Crypto: a file of 50 MB
 * need not be completely in memory.
 */
export function createSha256(): Sha256 {
  const state = Uint32Array.from(INITIAL);
  const block = new Uint8Array(BLOCK);
  const words = new Uint32Array(BLOCK);
  let filled = 0;
  let length = 0;

  function absorb(data: Uint8Array) {
    let at = 0;
    while (at < data.length) {
      const part = data.subarray(at, at + BLOCK - filled);
      block.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < BLOCK) return;
      compress(state, block, words);
      filled = 0;
    }
  }

  return {
    update(data) {
      length += data.length;
      absorb(data);
    },
    hex() {
      const bits = BigInt(length) * 8n;
      const padding = new Uint8Array(((filled < 56 ? 56 : 120) - filled + 8) | 0);
      padding[0] = 0x80;
      new DataView(padding.buffer).setBigUint64(padding.length - 8, bits);
      absorb(padding);
      return Array.from(state, (word) => word.toString(16).padStart(8, "0")).join("");
    },
  };
}

function compress(state: Uint32Array, block: Uint8Array, words: Uint32Array) {
  const view = new DataView(block.buffer);
  for (let i = 0; i < 16; i += 1) words[i] = view.getUint32(i * 4);
  for (let i = 16; i < BLOCK; i += 1) {
    const w15 = getWord(words, i - 15);
    const w2 = getWord(words, i - 2);
    const s0 = rotateRight(w15, 7) ^ rotateRight(w15, 18) ^ (w15 >>> 3);
    const s1 = rotateRight(w2, 17) ^ rotateRight(w2, 19) ^ (w2 >>> 10);
    words[i] = getWord(words, i - 16) + s0 + getWord(words, i - 7) + s1;
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let i = 0; i < BLOCK; i += 1) {
    const s1 = rotateRight(e, 6) ^ rotateRight(e, 11) ^ rotateRight(e, 25);
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + getWord(ROUNDS, i) + getWord(words, i)) | 0;
    const s0 = rotateRight(a, 2) ^ rotateRight(a, 13) ^ rotateRight(a, 22);
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) state[i] = getWord(state, i) + word;
}

function getWord(words: Uint32Array, i: number): number {
  return words[i] ?? 0;
}

function rotateRight(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const ROUNDS = Uint32Array.from(listPrimes(64), (prime) => getRootFraction(prime, 3));
/** The first 32 bits of the fractional parts of the square roots of the first eight primes. */
const INITIAL = Uint32Array.from(listPrimes(8), (prime) => getRootFraction(prime, 2));

function listPrimes(count: number): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n += 1) if (found.every((prime) => n % prime !== 0)) found.push(n);
  return found;
}

/** Exact, because the root of the shifted prime is computed with integers. */
function getRootFraction(prime: number, root: 2 | 3): number {
  const shifted = BigInt(prime) << BigInt(32 * root);
  let low = 0n;
  let high = 1n << 40n;
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** BigInt(root) <= shifted) low = middle;
    else high = middle;
  }
  return Number(low & 0xffffffffn);
}
