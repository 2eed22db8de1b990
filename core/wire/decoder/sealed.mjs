// What only servers read: tickets that clients carry, and cookies. A world's master key opens and makes them.
import { blake2s, expand } from './blake2s.mjs';
import { Cursor, Malformed } from './layout.mjs';
import { open } from './noise.mjs';

const derive = (key, label) => expand(key, `musubi ${label}`, 32);

// hchacha20 makes the subkey of XChaCha20 (draft-irtf-cfrg-xchacha-03, 2.2).
function hchacha20(key, nonce) {
  const x = new Uint32Array(16);
  x.set([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]);
  for (let i = 0; i < 8; i++) x[4 + i] = key.readUInt32LE(4 * i);
  for (let i = 0; i < 4; i++) x[12 + i] = nonce.readUInt32LE(4 * i);
  const rotate = (v, n) => (v << n) | (v >>> (32 - n));
  const quarter = (a, b, c, d) => {
    x[a] += x[b]; x[d] = rotate(x[d] ^ x[a], 16);
    x[c] += x[d]; x[b] = rotate(x[b] ^ x[c], 12);
    x[a] += x[b]; x[d] = rotate(x[d] ^ x[a], 8);
    x[c] += x[d]; x[b] = rotate(x[b] ^ x[c], 7);
  };
  for (let i = 0; i < 10; i++) {
    quarter(0, 4, 8, 12); quarter(1, 5, 9, 13); quarter(2, 6, 10, 14); quarter(3, 7, 11, 15);
    quarter(0, 5, 10, 15); quarter(1, 6, 11, 12); quarter(2, 7, 8, 13); quarter(3, 4, 9, 14);
  }
  const out = Buffer.alloc(32);
  [0, 1, 2, 3, 12, 13, 14, 15].forEach((i, n) => out.writeUInt32LE(x[i], 4 * n));
  return out;
}

// openX is XChaCha20-Poly1305 of nonce(192) and sealed bytes; null for a wrong tag.
export function openX(key, bytes, associated) {
  const nonce = Buffer.concat([Buffer.alloc(4), bytes.subarray(16, 24)]);
  return open('chacha20-poly1305', hchacha20(key, bytes), nonce, Buffer.from(associated), bytes.subarray(24));
}

// mapped is an address as cookies have it: 16 bytes, IPv4 within IPv6.
function mapped(ip) {
  if (ip.includes('.')) return Buffer.from([...Array(10).fill(0), 255, 255, ...ip.split('.').map(Number)]);
  const [head, tail = ''] = ip.split('::').map((s) => s.split(':').filter(Boolean));
  const words = ip.includes('::') ? [...head, ...Array(8 - head.length - tail.length).fill('0'), ...tail] : head;
  return Buffer.from(words.map((w) => w.padStart(4, '0')).join(''), 'hex');
}

// split takes 192.0.2.1:80 or [2001:db8::1]:80 apart.
function split(endpoint) {
  const [, ip, port] = /^\[?(.*?)\]?:(\d+)$/.exec(endpoint);
  return { ip: mapped(ip), port: Number(port) };
}

// Kinds of what a cookie's key makes.
const retry = 1, addressToken = 2, stunToken = 3;

// Servers is what nodes with the same master key know.
export class Servers {
  constructor(doc, note) {
    Object.assign(this, { doc, note, masters: [] });
  }
  master(key) { if (!this.masters.some((m) => m.equals(key))) this.masters.push(key); }

  // ticket opens one of a kind and reads what it says.
  ticket(kind, bytes) {
    for (const master of this.masters) {
      const plain = bytes.length >= 40 ? openX(derive(master, `${kind} tickets`), bytes, `musubi ${kind} ticket 1`) : null;
      if (!plain) continue;
      const c = new Cursor(plain, `${kind} ticket`);
      const v = this.doc.layouts.read(c, this.doc.sealed[kind]);
      c.end();
      this.note(`sealed ${kind} ticket`, { bytes: plain, fields: c.fields });
      return v;
    }
    throw new Malformed(`${kind} ticket`, 'does not open');
  }

  // relay checks a grant's ticket, whose key follows from it.
  relay(grant, introduction, client) {
    const t = this.ticket('relay', grant.ticket);
    const key = this.masters.map((m) => expand(derive(m, 'relay legs'), Buffer.concat([Buffer.from('musubi relay leg '), grant.ticket]), 32));
    if (!key.some((k) => k.equals(grant.key))) throw new Malformed('grant.key', 'does not follow from its ticket');
    if (!t.session.equals(introduction)) throw new Malformed('relay ticket.session', 'is not the introduction');
    if (t['key hash'] !== blake2s(client).readBigUInt64BE()) throw new Malformed('relay ticket.key hash', "is not the client's");
  }

  made(use, epoch, kind, seconds, ip, port, random) {
    const b = Buffer.alloc(5), p = Buffer.alloc(2);
    b[0] = kind;
    b.writeUInt32BE(seconds, 1);
    p.writeUInt16BE(port);
    return this.masters.map((m) => blake2s(Buffer.concat([b, ip, p, random]), 16, derive(derive(m, use), epoch)));
  }

  // cookie checks one that goes to an endpoint. random is that of the question; without one it is an address token.
  cookie(c, use, to, random) {
    if (!to) return; // inside a stream
    const { ip, port } = split(to);
    const kind = random ? retry : addressToken;
    const macs = this.made(use, `cookie epoch ${Math.floor(c.seconds / 120)}`, kind, c.seconds, ip, random ? port : 0, random ?? Buffer.alloc(16));
    if (c.kind !== kind || !macs.some((m) => m.equals(c.mac))) throw new Malformed('cookie.mac', `is not that of ${to}`);
  }

  // stun checks a token that was given to an endpoint at about that time.
  stun(token, to, seconds) {
    const { ip } = split(to);
    if (!this.made('cookies', `stun epoch ${Math.floor(seconds / 600)}`, stunToken, 0, ip, 0, Buffer.alloc(16)).some((m) => m.equals(token))) throw new Malformed('message 2.STUN token', `is not that of ${to}`);
  }

  // reset checks a link's token, which is that of the node with this name.
  reset(token, connId, node = '') {
    const b = Buffer.alloc(4);
    b.writeUInt32BE(connId);
    if (!this.masters.some((m) => blake2s(b, 16, derive(m, `stateless resets of ${node}`)).equals(token))) throw new Malformed('message 2.reset token', 'is not that of the conn id');
  }
}
