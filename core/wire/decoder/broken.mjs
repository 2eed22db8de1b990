// The other way round: what is not as the document says must be refused, by the name of the field.
import { Cursor, Malformed } from './layout.mjs';
import { readFrames } from './frames.mjs';
import { readSTUN } from './stun.mjs';

// readerOf gives a function that reads a sample's bytes again, without any state; null if there is none.
function readerOf(doc, kind, sample) {
  const [family, name] = [kind.split(' ')[0], kind.split(' ').slice(1).join(' ')];
  const whole = (layout, what, skip) => (b) => {
    const c = new Cursor(b, what);
    if (c.take(skip, 'type')[0] !== (skip ? sample.bytes[0] : undefined)) throw new Malformed(c.name('type'), 'another');
    doc.layouts.read(c, layout);
    c.end();
  };
  switch (family) {
    case 'datagram': return whole([...doc.datagrams.values()].find((d) => d.name === name).layout, name, 1);
    case 'signal': return whole(doc.signals.get(sample.bytes[0]).layout, name.split(' ')[1], 1);
    case 'payload': return whole(doc.payloads[name], name, 0);
    case 'sealed': return whole(doc.sealed[name.split(' ')[0]], `${name}`, 0);
    case 'LAN': return whole(doc.lan[name], name, 0);
    case 'frame': return (b) => readFrames(doc, b, sample.path);
    case 'STUN': return readSTUN;
    default: return null;
  }
}

// Layouts whose last field may end anywhere.
const openEnded = /^(datagram (HS2|RS2|RELAYED)|frame |signal 10 Bye)/;

// breakAll breaks one sample of each kind in every way that the document forbids, and counts them.
export function breakAll(doc, samples, faults) {
  let broken = 0;
  for (const [kind, sample] of samples) {
    const read = readerOf(doc, kind, sample);
    if (!read) continue;
    const refuses = (what, b, field) => {
      broken++;
      try { read(b); } catch (e) {
        if (!(e instanceof Malformed)) faults.push(`${kind}, ${what}: ${e}`);
        else if (field && e.field !== field) faults.push(`${kind}, ${what}: refused at ${e.field}, not at ${field}`);
        return;
      }
      faults.push(`${kind}, ${what}: taken`);
    };
    try { read(sample.bytes); } catch (e) { faults.push(`${kind}: not read again: ${e.message}`); }
    if (!openEnded.test(kind)) {
      for (let n = 0; n < sample.bytes.length; n++) refuses(`cut to ${n} bytes`, sample.bytes.subarray(0, n));
      refuses('a byte more', Buffer.concat([sample.bytes, Buffer.of(1)]));
    }
    for (const f of sample.fields) {
      const b = Buffer.from(sample.bytes);
      b.set(Buffer.from(f.refused.toString(16).padStart(f.size * 2, '0'), 'hex'), f.at);
      refuses(`${f.name} = ${f.refused}`, b, f.name);
    }
    if (sample.sealed) broken += breakSeal(kind, sample.sealed, faults);
  }
  return broken;
}

// breakSeal flips bits of a sealed packet: behind the connection id none goes unnoticed.
function breakSeal(kind, { direction, header, number, bytes }, faults) {
  let n = 0;
  for (let bit = 40; bit < bytes.length * 8; bit += 13, n++) {
    const b = Buffer.from(bytes);
    b[bit >> 3] ^= 1 << (bit & 7);
    const largest = direction.largest[header.path];
    direction.largest[header.path] = number - 1n;
    if (direction.open({ ...header, low: b.readUIntBE(5, 3) }, b)) faults.push(`${kind}: opens with bit ${bit} flipped`);
    direction.largest[header.path] = largest;
  }
  return n;
}
