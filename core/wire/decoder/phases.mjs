// Keys that are renewed: what the messages in CRYPTO frames agree on, and what comes out of it.
import crypto from 'node:crypto';
import { blake2s, expand, extract } from './blake2s.mjs';
import { Malformed } from './layout.mjs';
import { sharedSecret } from './noise.mjs';

// nextSecret is the next phase's; mix null: a symmetric step.
export const nextSecret = (secret, mix) => (mix ? expand(extract(secret, mix), 'musubi mixed phase', 32) : expand(secret, 'musubi next phase', 32));

const sha3 = (bits, ...parts) => crypto.createHash(`sha3-${bits}`).update(Buffer.concat(parts)).digest();

// kemSecret is ML-KEM's shared secret for who knows the 32 random bytes of the encapsulation: FIPS 203, algorithm 17, (K, r) = G(m, H(ek)).
export const kemSecret = (random, key) => sha3(512, random, sha3(256, key)).subarray(0, 32);

// Ratchets follows the offers and answers of one connection. secretOf finds the private key of a public one, after(key) gives what the same actor may have
// drawn behind it.
export class Ratchets {
  constructor(hybrid, secretOf, after) {
    Object.assign(this, { hybrid, secretOf, after, offer: null, answer: null });
  }

  // take reads a whole message.
  take(bytes, fromInitiator) {
    const size = this.hybrid ? (fromInitiator ? 1216 : 1120) : 32;
    if (bytes.length !== size) throw new Malformed('packet.CRYPTO.size', `${bytes.length}, not ${size}`);
    if (fromInitiator) Object.assign(this, { offer: bytes, answer: null });
    else if (!this.offer || this.answer) throw new Malformed('packet.CRYPTO.payload', 'an answer to nothing');
    else this.answer = bytes;
  }

  // mixes gives what the next phase may have been made with, the likeliest first: null for nothing.
  *mixes() {
    if (this.answer) {
      const [offered, answered] = [this.offer, this.answer].map((b) => b.subarray(0, 32));
      const shared = sharedSecret(this.secretOf(answered), offered), bound = blake2s(Buffer.concat([this.offer, this.answer]));
      if (!this.hybrid) yield Buffer.concat([shared, bound]);
      else for (const random of this.after(answered)) yield Buffer.concat([shared, kemSecret(random, this.offer.subarray(32)), bound]);
    }
    yield null;
  }
}
