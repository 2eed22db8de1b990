// The frames of a session packet, and REPAIR's arithmetic.
import { Cursor, Malformed, parseFields } from './layout.mjs';

// parseFrames reads the frames' block of the document: by type byte { name, layout }.
export function parseFrames(lines) {
  const byType = new Map();
  for (const line of lines) {
    const m = /^([A-Z_]+)\s+([0-9a-f]{2})(?:\s+(.*))?$/.exec(line);
    if (m) byType.set(parseInt(m[2], 16), { name: m[1], layout: parseFields(m[3] ?? '') });
  }
  return byType;
}

const repairBlock = 400; // bytes of MSG frames that a block has at most

// readMessage reads a MSG frame behind its type byte.
function readMessage(c, type) {
  const m = { mode: type & 3, fragment: (type & 4) !== 0, last: (type & 8) !== 0, channel: c.number(1, 'channel') };
  m.sequence = m.mode < 2 ? c.varint('sequence') : BigInt(c.number(2, 'sequence'));
  if (m.fragment) { m.offset = c.varint('offset'); m.size = c.varint('size'); }
  const length = m.last ? BigInt(c.left) : c.varint('length');
  if (length > BigInt(c.left)) throw new Malformed(c.name('length'), `${length}, ${c.left} bytes left`);
  m.payload = c.take(Number(length), 'payload');
  if (m.fragment && (length === 0n || m.offset + length > m.size)) throw new Malformed(c.name('offset'), 'a fragment outside its message, or an empty one');
  if (!m.fragment) { m.offset = 0n; m.size = length; }
  const most = m.mode < 2 ? 1n << 20n : 1n << 16n;
  if (m.size > most) throw new Malformed(c.name('size'), `${m.size}, at most ${most}`);
  return m;
}

// readFrames reads all frames of a packet's plaintext on a path: a list of { name, ... } whose last member is the packet's block.
export function readFrames(doc, bytes, path) {
  const c = new Cursor(bytes, 'packet');
  const frames = [], seen = new Set();
  let block = [], blockSize = 0, full = false, repair = false;
  while (c.left) {
    const start = c.at;
    const type = c.number(1, 'frame type');
    const known = doc.frames.get(type);
    if (!known && type >> 4 !== 4) throw new Malformed('packet.frame type', `0x${type.toString(16)} is no frame`);
    const name = known?.name ?? 'MSG';
    c.path.push(name);
    if (c.at === 1 && bytes.length === 0) throw new Malformed('packet', 'empty');
    const probe = ['CHALLENGE', 'RESPONSE', 'PROBE_CTL'].includes(name);
    if (name !== 'PADDING' && probe !== (path === 7)) throw new Malformed(c.name('type'), `not on path ${path}`);
    if (probe && seen.has(name)) throw new Malformed(c.name('type'), 'a second one in a packet');
    seen.add(name);
    const f = { name, type, ...(known ? doc.layouts.read(c, known.layout) : readMessage(c, type)) };
    if (name === 'ACK') checkRanges(f, c);
    if (name === 'CRYPTO' && (!f.payload.length || f.offset + BigInt(f.payload.length) > f.size)) throw new Malformed(c.name('offset'), 'a piece outside its message, or an empty one');
    if (name === 'REPAIR') { repair = true; checkRepair(f, c); }
    if (name === 'MSG' && f.mode < 2 && !f.fragment && !full) {
      if (blockSize + c.at - start > repairBlock) full = true;
      else { block.push(bytes.subarray(start, c.at)); blockSize += c.at - start; }
    }
    c.path.pop();
    frames.push(f);
  }
  if (!frames.length) throw new Malformed('packet', 'no frame');
  return { frames, fields: c.fields, block: repair || !block.length ? null : Buffer.concat(block) };
}

// checkRanges follows an ACK's ranges downwards: none may pass zero.
function checkRanges(f, c) {
  let low = f.largest - f.first;
  for (const h of f.holes) low -= h.gap + 2n + h.range;
  if (low < 0n) throw new Malformed(c.name('holes'), 'ranges below zero');
}

function checkRepair(f, c) {
  f.packets = [...f.covered.toString(2)].reverse().flatMap((bit, k) => (bit === '1' ? [BigInt(k)] : []));
  if (f.packets.length > 8) throw new Malformed(c.name('covered'), `${f.packets.length} packets, at most 8`);
  if (f.coded.length < 3 || f.coded.length > 402) throw new Malformed(c.name('coded'), `${f.coded.length} bytes, not 3 to 402`);
}

// GF(256) modulo x^8+x^4+x^3+x^2+1.
function times2(x) { return ((x << 1) ^ (x & 0x80 ? 0x11d : 0)) & 0xff; }
function multiply(a, b) {
  let out = 0;
  for (let i = 7; i >= 0; i--) out = times2(out) ^ (b >> i & 1 ? a : 0);
  return out;
}
const powers = [1];
for (let i = 1; i < 255; i++) powers.push(times2(powers[i - 1]));

// repairOf computes what the REPAIR in packet n over these packets' blocks holds; null if a block is not known.
export function repairOf(n, packets, blocks) {
  const coded = [];
  let longest = 0;
  for (const k of packets) {
    const block = blocks.get(n - 1n - k);
    if (!block) return null;
    longest = Math.max(longest, block.length + 2);
    coded.push({ g: powers[Number((n * (n - 1n - k)) % 255n)], bytes: Buffer.concat([Buffer.of(block.length >> 8, block.length & 0xff), block]) });
  }
  const out = Buffer.alloc(longest);
  for (const { g, bytes } of coded) bytes.forEach((b, i) => { out[i] ^= multiply(b, g); });
  return out;
}
