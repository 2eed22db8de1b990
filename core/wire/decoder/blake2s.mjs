// BLAKE2s (RFC 7693), keyed or not, and what RFC 2104 and RFC 5869 make of it. Node has the plain hash only.

const IV = Uint32Array.of(0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19);
const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4], [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13], [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11], [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5], [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];
const BLOCK = 64;

// compress mixes one block into the state h; total counts the bytes so far (all our inputs are below 4 GiB).
function compress(h, block, total, last) {
  const m = new Uint32Array(16), v = new Uint32Array(16);
  for (let i = 0; i < 16; i++) m[i] = block.readUInt32LE(4 * i);
  v.set(h); v.set(IV, 8);
  v[12] ^= total;
  if (last) v[14] = ~v[14];
  const rotate = (x, n) => (x >>> n) | (x << (32 - n));
  const mix = (a, b, c, d, x, y) => {
    v[a] += v[b] + x; v[d] = rotate(v[d] ^ v[a], 16);
    v[c] += v[d]; v[b] = rotate(v[b] ^ v[c], 12);
    v[a] += v[b] + y; v[d] = rotate(v[d] ^ v[a], 8);
    v[c] += v[d]; v[b] = rotate(v[b] ^ v[c], 7);
  };
  for (const s of SIGMA) {
    mix(0, 4, 8, 12, m[s[0]], m[s[1]]); mix(1, 5, 9, 13, m[s[2]], m[s[3]]);
    mix(2, 6, 10, 14, m[s[4]], m[s[5]]); mix(3, 7, 11, 15, m[s[6]], m[s[7]]);
    mix(0, 5, 10, 15, m[s[8]], m[s[9]]); mix(1, 6, 11, 12, m[s[10]], m[s[11]]);
    mix(2, 7, 8, 13, m[s[12]], m[s[13]]); mix(3, 4, 9, 14, m[s[14]], m[s[15]]);
  }
  for (let i = 0; i < 8; i++) h[i] ^= v[i] ^ v[i + 8];
}

// blake2s hashes to size bytes; with a key it is a MAC.
export function blake2s(data, size = 32, key = Buffer.alloc(0)) {
  const h = Uint32Array.from(IV);
  h[0] ^= 0x01010000 ^ (key.length << 8) ^ size;
  const input = key.length ? Buffer.concat([key, Buffer.alloc(BLOCK - key.length), data]) : data;
  const blocks = Math.max(1, Math.ceil(input.length / BLOCK));
  for (let i = 0; i < blocks; i++) {
    const block = Buffer.alloc(BLOCK), last = i === blocks - 1;
    input.copy(block, 0, i * BLOCK, Math.min((i + 1) * BLOCK, input.length));
    compress(h, block, last ? input.length : (i + 1) * BLOCK, last);
  }
  const out = Buffer.alloc(32);
  h.forEach((x, i) => out.writeUInt32LE(x, 4 * i));
  return out.subarray(0, size);
}

export function hmac(key, data) {
  const k = Buffer.concat([key, Buffer.alloc(BLOCK - key.length)]); // no key of ours is longer than a block
  const inner = blake2s(Buffer.concat([k.map((x) => x ^ 0x36), data]));
  return blake2s(Buffer.concat([k.map((x) => x ^ 0x5c), inner]));
}

export const extract = (salt, secret) => hmac(salt, secret); // RFC 5869: a missing salt is 32 zeros, which HMAC makes of an empty one

export function expand(prk, label, size) {
  let out = Buffer.alloc(0), t = Buffer.alloc(0);
  for (let i = 1; out.length < size; i++) {
    t = hmac(prk, Buffer.concat([t, Buffer.from(label), Buffer.of(i)]));
    out = Buffer.concat([out, t]);
  }
  return out.subarray(0, size);
}
