// RFC 6455 as far as the document uses it: one direction of a TCP stream, opening handshake and frames.
import crypto from 'node:crypto';
import { Malformed } from './layout.mjs';

const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'; // RFC 6455, 1.3

// Stream takes both directions of one connection apart.
export class Stream {
  constructor() {
    this.key = null;
    this.open = [false, false];
    this.rest = [Buffer.alloc(0), Buffer.alloc(0)]; // of what is not whole yet
  }

  // read takes what came next to the server (end 0) or the client (1): [{ name, datagram? }].
  read(end, more) {
    const out = [];
    let bytes = Buffer.concat([this.rest[end], more]);
    while (bytes.length) {
      if (!this.open[end]) {
        if (!bytes.includes('\r\n\r\n')) break;
        bytes = end === 0 ? this.request(bytes) : this.response(bytes);
        this.open[end] = true;
        out.push({ name: end === 0 ? 'upgrade' : 'upgraded' });
        continue;
      }
      const f = frame(bytes, end === 0);
      if (!f) break;
      bytes = bytes.subarray(f.used);
      out.push(f);
    }
    this.rest[end] = Buffer.from(bytes);
    return out;
  }

  // end fails if a frame was cut off.
  end() { this.rest.forEach((r, i) => { if (r.length) throw new Malformed('stream', `${r.length} bytes to the ${i ? 'client' : 'server'} that nothing explains`); }); }

  head(bytes, what) {
    const end = bytes.indexOf('\r\n\r\n');
    const [line, ...fields] = bytes.subarray(0, end).toString('latin1').split('\r\n');
    const head = { line };
    for (const f of fields) {
      const [, name, value] = /^([^: \t]+): *(.*)$/.exec(f) ?? [];
      if (!name) throw new Malformed(what, f);
      head[name.toLowerCase()] = value;
    }
    return [head, bytes.subarray(end + 4)];
  }

  must(what, head, want) {
    for (const [name, value] of Object.entries(want)) if (!(value instanceof RegExp ? value : { test: (x) => x === value }).test(head[name] ?? '')) throw new Malformed(`${what}.${name}`, `"${head[name]}"`);
    const extra = Object.keys(head).find((n) => !(n in want));
    if (extra) throw new Malformed(`${what}.${extra}`, 'a field that the document does not have');
  }

  request(bytes) {
    const [head, rest] = this.head(bytes, 'upgrade');
    this.must('upgrade', head, { line: 'GET /musubi HTTP/1.1', host: /./, upgrade: 'websocket', connection: 'Upgrade', 'sec-websocket-version': '13', 'sec-websocket-key': /^[A-Za-z0-9+/]{22}==$/ });
    this.key = head['sec-websocket-key'];
    return rest;
  }

  response(bytes) {
    const [head, rest] = this.head(bytes, 'upgraded');
    const accept = crypto.createHash('sha1').update(this.key + guid).digest('base64');
    this.must('upgraded', head, { line: 'HTTP/1.1 101 Switching Protocols', upgrade: 'websocket', connection: 'Upgrade', 'sec-websocket-accept': accept });
    return rest;
  }
}

function frame(b, fromClient) {
  const bad = (field, why) => { throw new Malformed(`frame.${field}`, why); };
  if (b.length < 2) return null;
  const opcode = b[0] & 0x0f;
  if (!(b[0] & 0x80) || b[0] & 0x70) bad('FIN', `0x${b[0].toString(16)}`);
  if (opcode !== 2 && opcode !== 8) bad('opcode', `${opcode}`);
  if ((b[1] & 0x80) !== 0 !== fromClient) bad('MASK', fromClient ? 'not set by the client' : 'set by the server');
  let length = b[1] & 0x7f, at = 2;
  if (length === 127) bad('length', '64 bits');
  if (length === 126) {
    if (b.length < 4) return null;
    length = b.readUInt16BE(2); at = 4;
    if (length < 126) bad('length', 'not in its shortest form');
  }
  const mask = fromClient ? b.subarray(at, at += 4) : Buffer.alloc(4);
  if (length > 2048) bad('length', `${length}, at most 2048`);
  if (b.length < at + length) return null;
  const payload = Buffer.from(b.subarray(at, at + length).map((x, i) => x ^ mask[i & 3]));
  if (opcode === 8 && payload.length !== 2) bad('status', `${payload.length} bytes`);
  return { name: opcode === 2 ? 'datagram' : 'close', datagram: opcode === 2 ? payload : undefined, used: at + length };
}
