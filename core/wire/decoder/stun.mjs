// STUN messages (RFC 8489, 5780, 3489) as the document's chapter has them.
import { Cursor, Malformed } from './layout.mjs';

const crcTable = Array.from({ length: 256 }, (_, n) => { for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1; return n >>> 0; });
const crc32 = (b) => (b.reduce((c, x) => crcTable[(c ^ x) & 0xff] ^ (c >>> 8), 0xffffffff) ^ 0xffffffff) >>> 0;

const names = { 0x0001: 'MAPPED-ADDRESS', 0x0003: 'CHANGE-REQUEST', 0x0004: 'SOURCE-ADDRESS', 0x0005: 'CHANGED-ADDRESS', 0x0009: 'ERROR-CODE', 0x000a: 'UNKNOWN-ATTRIBUTES',
  0x0020: 'XOR-MAPPED-ADDRESS', 0x0026: 'PADDING', 0x802b: 'RESPONSE-ORIGIN', 0x802c: 'OTHER-ADDRESS', 0x8028: 'FINGERPRINT', 0xc0de: 'link token' };
const messages = {
  0x0001: { name: 'request', order: ['link token', 'CHANGE-REQUEST', 'PADDING', 'FINGERPRINT'] },
  0x0101: { name: 'answer', order: ['XOR-MAPPED-ADDRESS', 'MAPPED-ADDRESS', 'SOURCE-ADDRESS', 'CHANGED-ADDRESS', 'OTHER-ADDRESS', 'RESPONSE-ORIGIN', 'FINGERPRINT'] },
  0x0111: { name: 'refusal', order: ['ERROR-CODE', 'UNKNOWN-ATTRIBUTES'] },
};

// readSTUN gives { name, classic, attributes }. classic is a request of RFC 3489, or its answer.
export function readSTUN(bytes) {
  const c = new Cursor(bytes, 'STUN');
  const type = c.number(2, 'type'), length = c.number(2, 'length');
  const kind = messages[type];
  if (!kind) throw new Malformed('STUN.type', `0x${type.toString(16)}`);
  if (length !== bytes.length - 20 || length % 4) throw new Malformed('STUN.length', `${length} of ${bytes.length - 20} bytes`);
  const id = bytes.subarray(4, 20), classic = c.number(4, 'magic cookie') !== 0x2112a442;
  c.take(12, 'transaction id');
  const attributes = {};
  let place = -1;
  while (c.left) {
    const start = c.at, a = c.number(2, 'attribute'), size = c.number(2, 'attribute length'), name = names[a];
    if (!name && !(kind.name === 'request' && a < 0x8000)) throw new Malformed('STUN.attribute', `0x${a.toString(16)}`);
    const next = name ? kind.order.indexOf(name) : place;
    if (name && next <= place) throw new Malformed('STUN.attribute', `${name} in a ${kind.name}, there`);
    place = next;
    c.path.push(name ?? 'unknown');
    const value = c.take(size, 'value');
    if (c.take((4 - size % 4) % 4, 'padding').some((b) => b)) throw new Malformed(c.name('padding'), 'not zeros');
    attributes[name ?? 'unknown'] = readValue(c, name, value, id, bytes.subarray(0, start));
    c.path.pop();
  }
  if (kind.name === 'refusal' && !attributes['ERROR-CODE']) throw new Malformed('STUN.ERROR-CODE', 'missing');
  return { name: kind.name, classic, id, attributes };
}

function readValue(c, name, value, id, before) {
  const size = (n) => { if (value.length !== n) throw new Malformed(c.name('length'), `${value.length}, not ${n}`); };
  switch (name) {
    case 'link token': size(16); return value;
    case 'CHANGE-REQUEST':
      size(4);
      if (value.readUInt32BE() & ~6) throw new Malformed(c.name('flags'), `${value.readUInt32BE()}`);
      return value.readUInt32BE();
    case 'PADDING': if (value.some((b) => b)) throw new Malformed(c.name('value'), 'not zeros'); return value.length;
    case 'FINGERPRINT':
      size(4);
      if ((crc32(before) ^ 0x5354554e) >>> 0 !== value.readUInt32BE()) throw new Malformed(c.name('crc'), 'wrong');
      return true;
    case 'ERROR-CODE':
      size(4);
      if (value.readUInt32BE() !== (4 << 8 | 20)) throw new Malformed(c.name('code'), 'not 420');
      return 420;
    case 'UNKNOWN-ATTRIBUTES': if (value.length % 2) throw new Malformed(c.name('length'), 'odd'); return value;
    case undefined: return value;
  }
  if (value.length < 4 || value[0] || ![1, 2].includes(value[1])) throw new Malformed(c.name('family'), value.subarray(0, 2).toString('hex'));
  size(value[1] === 1 ? 8 : 20);
  const mask = name === 'XOR-MAPPED-ADDRESS' ? id : Buffer.alloc(16);
  const address = Buffer.from(value.subarray(4).map((b, i) => b ^ mask[i]));
  return { port: value.readUInt16BE(2) ^ mask.readUInt16BE(0), address };
}
