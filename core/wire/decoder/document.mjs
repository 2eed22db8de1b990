// What the document says, ready to be used: every layout by its name, and the list of all kinds that must be seen.
import { Layouts, Malformed, blocks, parseFields } from './layout.mjs';
import { parseFrames } from './frames.mjs';

const zero = (b) => b.every((x) => x === 0);

// readDocument parses PROTOCOL.md.
export function readDocument(markdown) {
  const found = blocks(markdown);
  const block = (name) => found[name] ?? (() => { throw new Error(`document: no layout "${name}"`); })();
  const layouts = new Layouts(block('structures'));
  layouts.checks.address = (v, c) => {
    if (v.family === 6 && zero(v.ipv6.subarray(0, 10)) && v.ipv6.readUInt16BE(10) === 0xffff) throw new Malformed(c.name('ipv6'), 'an IPv4 address');
  };
  layouts.checks.cookie = (v, c) => {
    if (v.kind === 0 && (v.seconds || !zero(v.mac))) throw new Malformed(c.name('kind'), '0, and not all of it zero');
  };
  const doc = { layouts, frames: parseFrames(block('frames')), signals: new Map(), datagrams: new Map(), payloads: {}, lan: {}, sealed: {} };
  for (const [name, up] of [['to the server', true], ['to the client', false]]) {
    for (const line of block(name)) {
      const [, type, word, rest] = /^(\d+)\s+(\w+)\s*(.*)$/.exec(line);
      doc.signals.set(Number(type), { name: word, up, layout: parseFields(rest) });
    }
  }
  for (const line of [...block('handshake'), ...block('relay')]) {
    const [, name, type, rest] = /^([A-Z0-9]+)\s+([0-9a-f]{2})\s+(.*)$/.exec(line);
    doc.datagrams.set(parseInt(type, 16), { name, layout: parseFields(rest) });
  }
  for (const line of block('payloads')) {
    const [, name, rest] = /^(message 1|message 2|player)\s+(.*)$/.exec(line);
    doc.payloads[name] = parseFields(rest);
  }
  for (const line of block('tickets')) {
    const [, name, rest] = /^(\w+)\s+(.*)$/.exec(line);
    doc.sealed[name] = parseFields(rest);
  }
  for (const line of block('LAN')) {
    const [, name, rest] = /^(\w+)\s+(.*)$/.exec(line);
    doc.lan[name] = parseFields(rest);
  }
  doc.kinds = allKinds(doc, markdown);
  return doc;
}

// allKinds is what a capture of every kind has.
function allKinds(doc, markdown) {
  const kinds = [...doc.datagrams.values()].map((d) => `datagram ${d.name}`);
  for (const [type, f] of doc.frames) kinds.push(`frame ${type.toString(16).padStart(2, '0')} ${f.name}`);
  for (const mode of [0, 1, 2, 3]) for (const part of ['whole', 'fragment']) kinds.push(`frame MSG mode ${mode} ${part}`);
  kinds.push('frame MSG with length', 'frame MSG without length');
  for (const m of markdown.matchAll(/^    secret' = .* (symmetric|mixed)$/gm)) kinds.push(`step ${m[1]}`);
  for (const [type, s] of doc.signals) kinds.push(`signal ${type} ${s.name}`);
  for (const name of Object.keys(doc.payloads)) kinds.push(`payload ${name}`);
  for (const name of Object.keys(doc.sealed)) kinds.push(`sealed ${name} ticket`);
  for (const name of Object.keys(doc.lan)) kinds.push(`LAN ${name}`);
  for (const m of markdown.matchAll(/^\| ([1-6]) (Heard|Punch|Opened|Sampled|Fresh|Ended) /gm)) kinds.push(`control ${m[1]} ${m[2]}`);
  for (const name of ['request', 'answer', 'refusal', 'classic request', 'classic answer']) kinds.push(`STUN ${name}`);
  for (const name of ['upgrade', 'upgraded', 'datagram', 'close']) kinds.push(`WebSocket ${name}`);
  for (const m of markdown.matchAll(/^\| (\d)(?:–(\d))? \| .* \|$/gm)) for (let p = Number(m[1]); p <= Number(m[2] ?? m[1]); p++) if (p < 3 || p === 7) kinds.push(`path ${p}`);
  return [...new Set(kinds)];
}
