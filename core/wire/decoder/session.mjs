// One direction of a session: its keys, its packet numbers, what its packets carry.
import { expand, extract } from './blake2s.mjs';
import { Malformed } from './layout.mjs';
import { nextSecret } from './phases.mjs';
import { open, seal } from './noise.mjs';

export const resumeSecret = (halves, hash) => expand(extract(hash, Buffer.concat(halves)), 'musubi resume secret', 32);

// packetKeys are what a half of the Noise split gives.
export function packetKeys(half, aes) {
  const suite = aes ? 'aes-256-gcm' : 'chacha20-poly1305';
  return { suite, key: expand(half, `musubi packet key ${suite}`, 32), iv: expand(half, `musubi packet iv ${suite}`, 12) };
}

export function nonceOf(iv, path, number) {
  const nonce = Buffer.from(iv);
  nonce.writeUInt32BE((nonce.readUInt32BE(0) ^ path) >>> 0, 0);
  nonce.writeBigUInt64BE(nonce.readBigUInt64BE(4) ^ number, 4);
  return nonce;
}

// nearest is the packet number whose low 24 bits are low and that is nearest to the largest one so far, plus one.
export function nearest(largest, low) {
  const expected = largest + 1n, window = 1n << 24n;
  const base = (expected & ~(window - 1n)) | BigInt(low);
  let best = base;
  for (const c of [base - window, base + window]) {
    const far = (x) => (x > expected ? x - expected : expected - x);
    if (c >= 0n && far(c) < far(best)) best = c;
  }
  return best;
}

// header reads a session packet's first 8 bytes.
export function header(bytes) {
  if (bytes.length < 24) throw new Malformed('session packet', `${bytes.length} bytes, fewer than header and tag have`);
  if (bytes[0] & 1) throw new Malformed('session packet.r', 'not zero');
  const connId = bytes.readUInt32BE(1);
  if (!connId) throw new Malformed('session packet.connection id', '0');
  return { path: bytes[0] >> 2 & 7, phase: bytes[0] >> 5 & 1 | bytes[0] & 2, connId, low: bytes.readUIntBE(5, 3) };
}

// Direction is what one end of a session sends.
export class Direction {
  constructor(half, aes, about) {
    this.secret = half;
    this.aes = aes;
    this.keys = packetKeys(half, aes);
    this.phase = 0;
    this.before = null; // keys of the phase before
    this.about = about; // { link | peer, toServer }, or with what both agree on: { peer, ratchets, initiator }
    this.largest = Array(8).fill(-1n);
    this.packets = Array.from({ length: 8 }, () => new Map()); // by number: their bytes
    this.blocks = Array.from({ length: 8 }, () => new Map());
    this.messages = new Map(); // under reassembly, by mode, channel and sequence
  }

  // open gives { number, plain }, or null if the packet is not of this direction.
  open(h, bytes) {
    const number = nearest(this.largest[h.path], h.low);
    const with_ = (keys) => {
      const plain = open(keys.suite, keys.key, nonceOf(keys.iv, h.path, number), bytes.subarray(0, 8), bytes.subarray(8));
      return plain && { number, plain };
    };
    switch ((h.phase - this.phase) & 3) {
      case 0: return with_(this.keys);
      case 3: return this.before && with_(this.before);
      case 1: break;
      default: return null;
    }
    for (const mix of this.about.ratchets?.mixes() ?? []) { // what the next phase may be made with
      const secret = nextSecret(this.secret, mix), keys = packetKeys(secret, this.aes), got = with_(keys);
      if (!got) continue;
      Object.assign(this, { secret, before: this.keys, keys, phase: this.phase + 1 });
      return { ...got, step: mix ? 'mixed' : 'symmetric' };
    }
    return null;
  }

  // seal writes a packet.
  seal(path, connId, number, plain) {
    const head = Buffer.alloc(8);
    head[0] = 0x80 | path << 2 | (this.phase & 1) << 5 | this.phase & 2;
    head.writeUInt32BE(connId, 1);
    head.writeUIntBE(Number(number & 0xffffffn), 5, 3);
    return Buffer.concat([head, seal(this.keys.suite, this.keys.key, nonceOf(this.keys.iv, path, number), head, plain)]);
  }

  // collect puts a MSG or CRYPTO frame to the others of its message, and gives the message when it is whole, once.
  collect(f) {
    if (f.mode > 1) return null;
    const id = `${f.mode}/${f.channel}/${f.sequence}`;
    let m = this.messages.get(id);
    if (!m) this.messages.set(id, m = { size: f.size, bytes: Buffer.alloc(Number(f.size)), have: new Uint8Array(Number(f.size)), missing: Number(f.size), done: false });
    if (m.done) return null;
    if (m.size !== f.size) throw new Malformed('packet.MSG.size', `${f.size}, it was ${m.size}`);
    f.payload.forEach((b, i) => {
      const at = Number(f.offset) + i;
      if (m.have[at] && m.bytes[at] !== b) throw new Malformed('packet.MSG.payload', 'other bytes than before');
      if (!m.have[at]) { m.have[at] = 1; m.bytes[at] = b; m.missing--; }
    });
    if (m.missing) return null;
    m.done = true;
    const { bytes } = m;
    m.bytes = m.have = null;
    return bytes;
  }
}
