// The Noise Protocol Framework, revision 34, as far as the document uses it: the initiator's side of IK, NNpsk0 and KKpsk0 with X25519,
// ChaCha20-Poly1305 and BLAKE2s. Whoever has the initiator's private keys can read both messages.
import crypto from 'node:crypto';
import { blake2s, hmac } from './blake2s.mjs';

const empty = Buffer.alloc(0);
const pkcs8 = Buffer.from('302e020100300506032b656e04220420', 'hex');
const spki = Buffer.from('302a300506032b656e032100', 'hex');

// X25519 keys are costly to make ready: once each.
const made = new Map();
function ready(bytes, isPrivate) {
  const id = (isPrivate ? 's' : 'p') + bytes.toString('hex');
  let key = made.get(id);
  if (!key) {
    key = isPrivate ? crypto.createPrivateKey({ key: Buffer.concat([pkcs8, bytes]), format: 'der', type: 'pkcs8' })
      : crypto.createPublicKey({ key: Buffer.concat([spki, bytes]), format: 'der', type: 'spki' });
    made.set(id, key);
  }
  return key;
}
export const publicKey = (secret) => Buffer.from(crypto.createPublicKey(ready(secret, true)).export({ format: 'der', type: 'spki' }).subarray(12));
export const sharedSecret = (secret, other) => dh(secret, other);
const dh = (secret, other) => crypto.diffieHellman({ privateKey: ready(secret, true), publicKey: ready(other, false) });

// seal and open are AEADs; open gives null for a wrong tag.
export function open(suite, key, nonce, associated, sealed) {
  if (sealed.length < 16) return null;
  const d = crypto.createDecipheriv(suite, key, nonce, { authTagLength: 16 });
  d.setAAD(associated, { plaintextLength: sealed.length - 16 });
  d.setAuthTag(sealed.subarray(-16));
  const plain = d.update(sealed.subarray(0, -16));
  try { d.final(); } catch { return null; }
  return plain;
}
export function seal(suite, key, nonce, associated, plain) {
  const c = crypto.createCipheriv(suite, key, nonce, { authTagLength: 16 });
  c.setAAD(associated, { plaintextLength: plain.length });
  return Buffer.concat([c.update(plain), c.final(), c.getAuthTag()]);
}

function hkdf(chaining, input, n) {
  const temp = hmac(chaining, input), out = [];
  for (let i = 1; i <= n; i++) out.push(hmac(temp, Buffer.concat([out.at(-1) ?? empty, Buffer.of(i)])));
  return out;
}

// Initiator reads both messages of a handshake with the initiator's secrets.
export class Initiator {
  constructor(pattern, prologue) {
    const name = Buffer.from(`Noise_${pattern}_25519_ChaChaPoly_BLAKE2s`);
    this.h = name.length <= 32 ? Buffer.concat([name, Buffer.alloc(32 - name.length)]) : blake2s(name);
    this.ck = this.h;
    this.key = null;
    this.n = 0n;
    this.psk = /psk0/.test(pattern);
    this.mixHash(prologue);
  }
  mixHash(data) { this.h = blake2s(Buffer.concat([this.h, data])); }
  mixKey(input) { [this.ck, this.key] = hkdf(this.ck, input, 2); this.n = 0n; }
  mixPSK(psk) {
    const [ck, h, k] = hkdf(this.ck, psk, 3);
    this.ck = ck; this.mixHash(h); this.key = k; this.n = 0n;
  }
  decrypt(sealed) {
    const nonce = Buffer.alloc(12);
    nonce.writeBigUInt64LE(this.n, 4);
    const plain = open('chacha20-poly1305', this.key, nonce, this.h, sealed);
    if (!plain) return null;
    this.n++;
    this.mixHash(sealed);
    return plain;
  }
  mixEphemeral(e) { this.mixHash(e); if (this.psk) this.mixKey(e); }
  clone() { return Object.assign(Object.create(Initiator.prototype), this); }

  // readIK1 gives { payload, client } of message 1: e, es, s, ss; null if it is not for that server. secretOf finds a private key.
  readIK1(message, server, secretOf) {
    this.mixHash(server);
    this.e = secretOf(message.subarray(0, 32));
    if (!this.e) return null;
    this.mixEphemeral(message.subarray(0, 32));
    this.mixKey(dh(this.e, server));
    const client = this.decrypt(message.subarray(32, 80));
    if (!client) return null;
    this.s = secretOf(client);
    if (!this.s) return null;
    this.mixKey(dh(this.s, server));
    const payload = this.decrypt(message.subarray(80));
    return payload && { payload, client };
  }
  // readNN1 gives the payload of message 1: psk, e.
  readNN1(message, psk, secretOf) {
    this.mixPSK(psk);
    this.e = secretOf(message.subarray(0, 32));
    if (!this.e) return null;
    this.mixEphemeral(message.subarray(0, 32));
    return this.decrypt(message.subarray(32));
  }
  // readKK1 gives the payload of message 1: -> s, <- s, ...; psk, e, es, ss.
  readKK1(message, psk, own, other, secretOf) {
    this.mixHash(own);
    this.mixHash(other);
    this.s = secretOf(own);
    this.mixPSK(psk);
    this.e = secretOf(message.subarray(0, 32));
    if (!this.e || !this.s) return null;
    this.mixEphemeral(message.subarray(0, 32));
    this.mixKey(dh(this.e, other));
    this.mixKey(dh(this.s, other));
    return this.decrypt(message.subarray(32));
  }
  // readSecond gives { payload, halves, hash } of message 2: e, ee, and se where the initiator has a static key.
  readSecond(message) {
    if (message.length < 48) return null;
    const e = message.subarray(0, 32);
    this.mixEphemeral(e);
    this.mixKey(dh(this.e, e));
    if (this.s) this.mixKey(dh(this.s, e));
    const payload = this.decrypt(message.subarray(32));
    return payload && { payload, halves: hkdf(this.ck, empty, 2), hash: this.h };
  }
}
