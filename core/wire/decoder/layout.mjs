// Reads the layouts out of docs/PROTOCOL.md, as its chapter "Notation" explains them, and takes bytes apart by them.

// Malformed says which field of what is not as the document has it.
export class Malformed extends Error {
  constructor(field, why) {
    super(`${field}: ${why}`);
    this.field = field;
  }
}

// Cursor consumes bytes from the front. Every byte is taken under the name of a field.
export class Cursor {
  constructor(bytes, what) {
    this.bytes = bytes;
    this.at = 0;
    this.path = [what];
    this.fields = []; // name, place and size of each field, and whether its values are restricted
  }
  get left() { return this.bytes.length - this.at; }
  name(field) { return [...this.path, field].join('.'); }
  take(n, field) {
    if (n > this.left) throw new Malformed(this.name(field), `${n} bytes wanted, ${this.left} left`);
    this.at += n;
    return this.bytes.subarray(this.at - n, this.at);
  }
  number(bytes, field) { return bytes > 6 ? this.take(bytes, field).readBigUInt64BE() : this.take(bytes, field).readUIntBE(0, bytes); }
  varint(field) {
    let value = 0n;
    for (let i = 0n; ; i++) {
      const [b] = this.take(1, field);
      value |= BigInt(b & 0x7f) << (7n * i);
      if (b < 0x80) {
        if (i > 0n && b === 0) throw new Malformed(this.name(field), 'not in its shortest form');
        if (value >> 64n) throw new Malformed(this.name(field), 'over 64 bits');
        return value;
      }
      if (i > 8n) throw new Malformed(this.name(field), 'over 64 bits');
    }
  }
  end(what = 'end') {
    if (this.left) throw new Malformed(this.name(what), `${this.left} bytes that nothing explains: ${this.bytes.subarray(this.at, this.at + 16).toString('hex')}`);
  }
  zeros(to) {
    const rest = this.take(this.left, 'padding');
    if (this.bytes.length !== to) throw new Malformed(this.name('padding'), `${this.bytes.length} bytes, not ${to}`);
    if (rest.some((b) => b)) throw new Malformed(this.name('padding'), 'not all zeros');
  }
}

const minus = (s) => s.replaceAll('−', '-');
const big = (s) => { s = minus(s.trim()); return s.startsWith('-') ? -BigInt(s.slice(1)) : BigInt(s); };

// parseValues reads what stands behind the colon: a test of a value (BigInt), and one that it refuses, if there is one in size bits.
function parseValues(text, bits) {
  const flags = /^bits (.*)$/.exec(text);
  const most = (1n << BigInt(bits)) - 1n;
  if (flags) {
    const mask = flags[1].split(' ').reduce((m, f) => m | big(f), 0n);
    const spare = most & ~mask;
    return { allows: (v) => (v & ~mask) === 0n, refused: spare ? spare & -spare : undefined };
  }
  const ranges = text.split(',').map((r) => r.split('–').map(big)).map(([low, high = low]) => ({ low, high }));
  const allows = (v) => ranges.some((r) => v >= r.low && v <= r.high);
  const refused = [...ranges.map((r) => r.high + 1n), ...ranges.map((r) => r.low - 1n)].find((v) => v >= 0n && v <= most && !allows(v));
  return { allows, refused };
}

// parseCondition reads what stands behind the bar.
function parseCondition(text) {
  if (text === 'more') return { test: (c) => c.left > 0 };
  const m = /^(.+?) (=|≠|&) (\S+)$/.exec(text);
  const bare = /^\S+$/.exec(text);
  if (!m && !bare) throw new Error(`document: condition "${text}"`);
  const [name, op, value] = m ? [m[1], m[2], big(m[3])] : [text, '≠', 0n];
  return { test: (c, v) => (op === '=' ? BigInt(v[name]) === value : op === '≠' ? BigInt(v[name]) !== value : (BigInt(v[name]) & value) !== 0n) };
}

function parseField(name, type, condition) {
  const f = { name, condition: condition && parseCondition(condition.trim()) };
  const [head, values] = type.split(':').map((s) => s.trim());
  let m;
  if (/^\d+$/.test(head)) Object.assign(f, { kind: 'bits', size: Number(head) / 8 });
  else if ((m = /^i(8|32)$/.exec(head))) Object.assign(f, { kind: 'signed', size: Number(m[1]) / 8 });
  else if (head === 'code') Object.assign(f, { kind: 'signed', size: 4, code: true });
  else if (['varint', 'rest', 'varlen'].includes(head)) f.kind = head;
  else if ((m = /^len(8|16)(?: ≤ (\d+))?$/.exec(head))) Object.assign(f, { kind: 'counted', size: Number(m[1]) / 8, most: m[2] && Number(m[2]) });
  else if ((m = /^n8(?: ≤ (\d+))? × (\w+)$/.exec(head))) Object.assign(f, { kind: 'list', most: Number(m[1] ?? 255), of: m[2] });
  else if ((m = /^(\w+) − 1 × (\w+)$/.exec(head))) Object.assign(f, { kind: 'list', from: m[1], of: m[2] });
  else if (/^\w+$/.test(head)) Object.assign(f, { kind: 'structure', of: head });
  else throw new Error(`document: field ${name}(${type})`);
  if (values) f.values = parseValues(values, f.kind === 'varint' ? 64 : f.size * 8);
  return f;
}

// parseFields reads a line of fields.
export function parseFields(line) {
  const text = line.split(';')[0].trim();
  const fields = [];
  let zeros;
  const token = /\s*(?:zeros to (\d+)|\[([^()[\]]+)\(([^()]*)\) \| ([^\]]+)\]|([^()[\]]+?)\(([^()]*)\))/y;
  while (token.lastIndex < text.length) {
    const m = token.exec(text);
    if (!m) throw new Error(`document: layout "${text}"`);
    if (m[1]) zeros = Number(m[1]);
    else fields.push(m[2] ? parseField(m[2].trim(), m[3], m[4]) : parseField(m[5].trim(), m[6]));
  }
  return { fields, zeros };
}

// blocks finds the layouts of a document: by the name in the comment above each, its lines.
export function blocks(markdown) {
  const found = {};
  for (const m of markdown.matchAll(/<!-- layout: (.+?) -->\n+((?:    .*\n)+)/g)) found[m[1]] = m[2].trimEnd().split('\n').map((l) => l.trim());
  return found;
}

// Layouts reads structures by name, which stand in `structures`.
export class Layouts {
  constructor(lines) {
    this.structures = {};
    for (const line of lines) {
      const [, name, rest] = /^(\w+)\s+(.*)$/.exec(line);
      this.structures[name] = parseFields(rest);
    }
    this.checks = {}; // what a structure must be beyond its fields: name -> function(value, cursor)
  }

  // read takes a layout's fields off the cursor.
  read(c, layout) {
    const v = {};
    for (const f of layout.fields) if (!f.condition || f.condition.test(c, v)) v[f.name] = this.field(c, f, v);
    if (layout.zeros) c.zeros(layout.zeros);
    return v;
  }

  field(c, f, v) {
    const at = c.at;
    let value;
    switch (f.kind) {
      case 'bits':
        if (f.size > 8) return c.take(f.size, f.name);
        value = c.number(f.size, f.name);
        break;
      case 'signed':
        value = c.take(f.size, f.name).readIntBE(0, f.size);
        if (f.code && value < -999) throw new Malformed(c.name(f.name), `${value} is no code`);
        break;
      case 'varint': value = c.varint(f.name); break;
      case 'varlen': {
        const n = c.varint(f.name);
        if (n > BigInt(c.left)) throw new Malformed(c.name(f.name), `${n} bytes, ${c.left} left`);
        return c.take(Number(n), f.name);
      }
      case 'rest': return c.take(c.left, f.name);
      case 'counted': {
        const n = c.number(f.size, f.name);
        if (f.most !== undefined && n > f.most) throw new Malformed(c.name(f.name), `${n} bytes, at most ${f.most}`);
        if (f.most !== undefined && f.most < 256 ** f.size - 1) c.fields.push({ name: c.name(f.name), at, size: f.size, refused: BigInt(f.most + 1) });
        return c.take(n, f.name);
      }
      case 'list': {
        const n = f.from ? Number(v[f.from]) - 1 : c.number(1, f.name);
        if (!f.from && n > f.most) throw new Malformed(c.name(f.name), `${n} of them, at most ${f.most}`);
        return Array.from({ length: n }, (_, i) => this.structure(c, f.of, `${f.name}[${i}]`));
      }
      case 'structure': return this.structure(c, f.of, f.name);
    }
    if (f.values) {
      if (!f.values.allows(BigInt(value))) throw new Malformed(c.name(f.name), `${value} is not allowed`);
      if (f.kind === 'bits' && f.values.refused !== undefined) c.fields.push({ name: c.name(f.name), at, size: f.size, refused: f.values.refused });
    }
    return value;
  }

  structure(c, of, name) {
    const layout = this.structures[of];
    if (!layout) throw new Error(`document: no structure "${of}"`);
    c.path.push(name);
    const v = this.read(c, layout);
    this.checks[of]?.(v, c);
    c.path.pop();
    return v;
  }

  // whole reads a layout that must fill its bytes.
  whole(bytes, what, layout) {
    const c = new Cursor(bytes, what);
    const v = this.read(c, layout);
    c.end();
    return v;
  }
}
