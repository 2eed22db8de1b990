// Follows one world's conversations: handshakes give keys, keys open packets, links' packets hold signals, signals lead to further handshakes.
import { blake2s, expand, extract, hmac } from './blake2s.mjs';
import { Cursor, Malformed } from './layout.mjs';
import { readFrames, repairOf } from './frames.mjs';
import { Initiator, publicKey } from './noise.mjs';
import { Direction, header, resumeSecret } from './session.mjs';
import { Ratchets } from './phases.mjs';
import { Servers } from './sealed.mjs';
import { readSTUN } from './stun.mjs';
import { Stream } from './websocket.mjs';

const hex = (b) => b.toString('hex');
const upTo = { server: 5120, client: 12288 }; // bytes of a signal

export class World {
  constructor(doc, tally) {
    this.doc = doc;
    this.tally = tally;
    this.secrets = new Map(); // public key -> private key
    this.publics = [];
    this.drawn = []; // secrets, in the order in which they were drawn
    this.roomKeys = new Map(); // room -> keys of its passwords
    this.hellos = new Map(); // client's conn id -> handshakes under way
    this.tickets = new Map(); // resume ticket -> { secret, link }
    this.receivers = new Map(); // conn id -> directions whose packets have it
    this.intros = new Map();
    this.legs = new Map(); // relay ticket -> leg key
    this.binds = new Map(); // nonce -> leg key
    this.stunTokens = new Set();
    this.randoms = new Set(); // of what a RETRY or REFUSE may answer
    this.resets = new Map(); // server's conn id -> token
    this.streams = new Map();
    this.classic = new Set();
    this.queries = new Set();
    this.servers = new Servers(doc, (kind, sample) => this.note(kind, sample));
  }

  secret(b) {
    const own = Buffer.from(b), pub = publicKey(own);
    this.secrets.set(hex(pub), own);
    this.publics.unshift(pub);
    this.drawn.push(own);
  }
  // drawnAfter gives the secrets that somebody drew soon after one.
  drawnAfter = (pub) => {
    const i = this.drawn.indexOf(this.secretOf(pub));
    return this.drawn.slice(i + 1, i + 65);
  };
  roomKey(room, key) { this.roomKeys.set(room, [...(this.roomKeys.get(room) ?? []), key]); }
  secretOf = (pub) => this.secrets.get(hex(pub));
  note(kind, bytes) { this.tally.note(kind, bytes); }

  // stream takes what one write put into a TCP connection.
  stream(number, end, bytes) {
    let s = this.streams.get(number);
    if (!s) this.streams.set(number, s = new Stream());
    for (const f of s.read(end, bytes)) {
      this.note(`WebSocket ${f.name}`);
      if (f.datagram) this.datagram(f.datagram, true);
    }
  }

  // end fails if a stream's last frame is not whole.
  end() { for (const s of this.streams.values()) s.end(); }

  // datagram takes one UDP payload, or one out of a stream.
  datagram(b, inStream = false, to = undefined) {
    this.to = to; // where it goes; nothing inside a stream
    if (b.length > 1472) throw new Malformed('datagram', `${b.length} bytes, at most 1472`);
    switch (b.length ? b[0] >> 6 : 0) {
      case 0: return b.length > 3 && b.readUInt32BE() === 0x3f4d5553 ? this.lan(b, inStream) : this.stun(b, inStream);
      case 2: return this.packet(b, b);
      default: return this.clear(b, inStream);
    }
  }

  // clear reads a handshake's or a relay's datagram.
  clear(b, inStream) {
    const kind = this.doc.datagrams.get(b[0]);
    if (!kind) throw new Malformed('datagram.type', `0x${b[0].toString(16)}`);
    const c = new Cursor(b, kind.name);
    c.take(1, 'type');
    const v = this.doc.layouts.read(c, kind.layout);
    c.end();
    if (b.length > 1200 && kind.name !== 'RELAYED') throw new Malformed(kind.name, `${b.length} bytes`);
    this[kind.name](v, b, c, inStream);
    this.note(`datagram ${kind.name}`, { bytes: b, fields: c.fields });
  }

  INIT(v, _, c, inStream) {
    if (inStream) throw new Malformed(c.name('type'), 'inside a stream');
    this.randoms.add(hex(v.random));
  }
  RETRY(v, _, c) {
    this.answers(v, c);
    this.servers.cookie(v.cookie, 'cookies', this.to, v.random);
  }
  REFUSE(v, _, c) { this.answers(v, c); if (v.code >= 0) throw new Malformed(c.name('code'), `${v.code}`); }
  answers(v, c) { if (!this.randoms.has(hex(v.random))) throw new Malformed(c.name('random'), 'of no question'); }

  HS1(v, b, c, inStream) {
    this.hello(v, b, c, inStream, (prologue) => {
      for (const server of this.publics) {
        const hs = new Initiator('IK', prologue);
        const got = hs.readIK1(v.noise, server, this.secretOf);
        if (got) {
          this.publics = [server, ...this.publics.filter((p) => p !== server)]; // it will be asked again
          return { hs, payload: got.payload, link: { client: got.client } };
        }
        if (!hs.e) return null;
      }
      return null;
    });
  }
  RS1(v, b, c, inStream) {
    if (!v.ticket.length) throw new Malformed(c.name('ticket'), 'empty');
    this.hello(v, b, c, inStream, (prologue) => {
      const was = this.tickets.get(hex(v.ticket));
      if (!was) throw new Malformed(c.name('ticket'), 'nobody gave it out');
      const hs = new Initiator('NNpsk0', prologue);
      const payload = hs.readNN1(v.noise, was.secret, this.secretOf);
      return payload && { hs, payload, link: { client: was.client, app: was.app } };
    });
  }
  hello(v, b, c, inStream, read) {
    this.randoms.add(hex(v.random));
    if (inStream !== (v.cookie.kind === 0)) throw new Malformed(c.name('cookie.kind'), `${v.cookie.kind}, ${inStream ? 'inside a stream' : 'over UDP'}`);
    const start = 44 + 2 + v.ticket.length;
    const got = read(b.subarray(0, start));
    if (!got) throw new Malformed(c.name('noise'), 'does not open');
    const info = this.payload('message 1', got.payload);
    Object.assign(got, { info, connId: v['conn id'] });
    got.link.app ??= info.app;
    const waiting = this.hellos.get(got.connId) ?? [];
    this.hellos.set(got.connId, [got, ...waiting]);
  }
  payload(name, bytes) {
    const c = new Cursor(bytes, name);
    const v = this.doc.layouts.read(c, this.doc.payloads[name]);
    c.end();
    this.note(`payload ${name}`, { bytes, fields: c.fields });
    return v;
  }

  HS2(v, b, c) { this.welcome(v, c, b); }
  RS2(v, b, c) { this.welcome(v, c, b); }
  welcome(v, c, b) {
    for (const hello of this.hellos.get(v['conn id']) ?? []) {
      const got = hello.hs.clone().readSecond(v.noise);
      if (!got) continue;
      const info = this.payload('message 2', got.payload);
      if (info.ticket.length) throw new Malformed('message 2.ticket', 'not empty');
      if (b.length > 1200) throw new Malformed(c.name('noise'), 'larger than its question');
      this.stunTokens.add(hex(info['STUN token']));
      this.resets.set(info['conn id'], info['reset token']);
      this.servers.reset(info['reset token'], info['conn id'], this.node);
      this.servers.cookie(info['address token'], 'cookies', this.to);
      if (this.to) this.servers.stun(info['STUN token'], this.to, info['address token'].seconds);
      const link = { ...hello.link, secret: resumeSecret(got.halves, got.hash) };
      const aes = (hello.info.flags & info.flags & 1) !== 0;
      this.addReceiver(info['conn id'], new Direction(got.halves[0], aes, { link, toServer: true }));
      this.addReceiver(hello.connId, new Direction(got.halves[1], aes, { link, toServer: false }));
      return;
    }
    throw new Malformed(c.name('noise'), 'does not open');
  }
  addReceiver(connId, direction) { this.receivers.set(connId, [direction, ...(this.receivers.get(connId) ?? [])]); }

  RESET(v, _, c) {
    const token = this.resets.get(v['conn id']);
    if (!token?.equals(v.token)) throw new Malformed(c.name('token'), 'is not the link\'s');
  }

  mac(v, b, c, key) {
    if (!key) throw new Malformed(c.name('ticket'), 'of no grant');
    if (!blake2s(b.subarray(0, -16), 16, key).equals(v.mac)) throw new Malformed(c.name('mac'), 'wrong');
    this.binds.set(hex(v.nonce), key);
  }
  BIND(v, b, c) { this.mac(v, b, c, this.legs.get(hex(v.ticket))); }
  BIND2(v, b, c) { this.mac(v, b, c, this.legs.get(hex(v.ticket))); }
  CHALLENGE(v, _, c) {
    if (!this.binds.has(hex(v.nonce))) throw new Malformed(c.name('nonce'), 'of no BIND');
    this.servers.cookie(v.cookie, 'relay cookies', this.to, v.nonce);
  }
  BOUND(v, b, c) { this.mac(v, b, c, this.binds.get(hex(v.nonce))); }
  RELAYED(v, b) { this.packet(v.packet, b); }

  // packet opens a session packet; outer is the datagram that it came in.
  packet(b, outer) {
    const h = header(b);
    for (const d of this.receivers.get(h.connId) ?? []) {
      const got = d.open(h, b);
      if (got) return this.opened(d, h, got, b, outer);
    }
    throw new Malformed('session packet', `of connection ${h.connId}, path ${h.path}: no key opens it`);
  }

  opened(d, h, { number, plain, step }, b, outer) {
    if (step) this.note(`step ${step}`);
    const before = d.packets[h.path].get(number);
    if (before) { // as a relay hands it on
      if (!before.equals(b)) throw new Malformed('session packet.packet number', `${number} twice on path ${h.path}`);
      return;
    }
    d.packets[h.path].set(number, Buffer.from(b));
    if (number > d.largest[h.path]) d.largest[h.path] = number;
    if (d.about.link && h.phase) throw new Malformed('session packet.k', 'not 0 on a link');
    if (d.about.link && h.path !== 2 && h.path !== 7) throw new Malformed('session packet.p', `path ${h.path} on a link`);
    if (d.about.link && outer.length > 1200) throw new Malformed('session packet', `${outer.length} bytes on a link`);
    const { frames, block, fields } = readFrames(this.doc, plain, h.path);
    if (block) d.blocks[h.path].set(number, block);
    this.note(`path ${h.path}`);
    const sealed = { direction: d, header: h, number, bytes: Buffer.from(b) };
    for (const f of frames) this.frame(d, h.path, number, f, { bytes: plain, fields, path: h.path, sealed });
  }

  frame(d, path, number, f, sample) {
    if (f.name === 'PROBE_CTL') this.note(`control ${f.kind} ${['', 'Heard', 'Punch', 'Opened', 'Sampled', 'Fresh', 'Ended'][f.kind]}`);
    if (f.name === 'REPAIR') {
      const want = repairOf(number, f.packets, d.blocks[path]);
      if (want && !want.equals(f.coded)) throw new Malformed('packet.REPAIR.coded', 'is not the sum of the blocks');
      this.tally.repairs += want ? 1 : 0;
    }
    if (f.name === 'CRYPTO') {
      if (!d.about.ratchets) throw new Malformed('packet.CRYPTO.type', 'not agreed on');
      const message = d.collect({ ...f, mode: 0, channel: 'CRYPTO' });
      if (message) d.about.ratchets.take(message, d.about.initiator);
    }
    if (f.name !== 'MSG') return this.note(`frame ${f.type.toString(16).padStart(2, '0')} ${f.name}`, sample);
    if (d.about.first && !d.phase) throw new Malformed('packet.MSG.type', 'before the first ratchet');
    this.note(`frame MSG mode ${f.mode} ${f.fragment ? 'fragment' : 'whole'}`, f.last ? undefined : sample);
    this.note(`frame MSG ${f.last ? 'without' : 'with'} length`);
    if (d.about.link && (f.mode !== 0 || f.channel !== 0)) throw new Malformed('packet.MSG.channel', `mode ${f.mode}, channel ${f.channel} on a link`);
    const message = d.collect(f);
    if (message && d.about.link) this.signal(d.about, message);
  }

  // signal reads a whole message of a link.
  signal({ link, toServer }, bytes) {
    const kind = this.doc.signals.get(bytes[0]);
    if (!kind || kind.up !== toServer) throw new Malformed('signal.type', `${bytes[0]} to the ${toServer ? 'server' : 'client'}`);
    if (bytes.length > upTo[toServer ? 'server' : 'client']) throw new Malformed(`${kind.name}`, `${bytes.length} bytes`);
    const c = new Cursor(bytes, kind.name);
    c.take(1, 'type');
    const v = this.doc.layouts.read(c, kind.layout);
    c.end();
    this[`on${kind.name}`]?.(v, link);
    this.note(`signal ${bytes[0]} ${kind.name}`, { bytes, fields: c.fields });
  }

  onTicket(v, link) {
    const t = this.servers.ticket('resume', v.ticket);
    if (!t.client.equals(link.client) || !t.secret.equals(link.secret) || !t.app.equals(link.app)) throw new Malformed('resume ticket', 'is of another link');
    this.tickets.set(hex(v.ticket), { secret: link.secret, client: link.client, app: link.app });
  }
  onRoomTicket(v) { if (this.servers.ticket('room', v.ticket).room !== v.room) throw new Malformed('room ticket.room', 'is another'); }
  intro(id, more) {
    const key = hex(id);
    const i = { ...this.intros.get(key), ...more };
    this.intros.set(key, i);
    return i;
  }
  onRequest(v, link) { this.intro(v.introduction, { psk: v.psk, room: v.room, epoch: v.epoch, caller: v.key, callee: link.client, app: link.app }); }
  onAccept(v) { this.first(v); }
  onIntroduction(v, link) {
    this.grants(v, link);
    this.first(v);
  }
  onAccepted(v, link) { this.grants(v, link); }
  grants(v, link) {
    for (const g of [v.relay, v.backup]) {
      if (!g) continue;
      this.legs.set(hex(g.ticket), g.key);
      this.servers.relay(g, v.introduction, link.client);
    }
  }
  onAnswer(v) { this.second(v); }
  onAnswered(v) { this.second(v); }

  // first reads KK 1, of which a callee may send several.
  first(v) {
    const i = this.intro(v.introduction, { id: v.introduction }), id = hex(v['KK 1']);
    i.opened ??= new Map();
    this.intros.set(hex(v.introduction), i);
    if (i.opened.has(id)) return;
    for (const k of [null, ...(this.roomKeys.get(i.room) ?? [])]) {
      const psk = k ? expand(extract(Buffer.alloc(0), Buffer.concat([i.psk, k])), 'musubi room password', 32) : i.psk;
      const hs = new Initiator('KKpsk0', kkPrologue(i));
      const payload = hs.readKK1(v['KK 1'], psk, i.callee, i.caller, this.secretOf);
      if (payload) return i.opened.set(id, { hs, info: this.payload('player', payload) });
    }
    throw new Malformed('KK 1', 'does not open');
  }

  second(v) {
    const i = this.intros.get(hex(v.introduction)), id = hex(v['KK 2']);
    i.answered ??= new Set();
    if (i.answered.has(id)) return;
    for (const { hs, info: callee } of i.opened?.values() ?? []) {
      const got = hs.clone().readSecond(v['KK 2']);
      if (!got) continue;
      i.answered.add(id);
      const caller = this.payload('player', got.payload), both = callee.flags & caller.flags, aes = (both & 1) !== 0;
      const first = (both & 6) === 6 && ((callee.flags | caller.flags) & 8) !== 0; // ML-KEM-768 before any message
      const ratchets = both & 2 ? new Ratchets((both & 4) !== 0, this.secretOf, this.drawnAfter) : null;
      this.addReceiver(caller['conn id'], new Direction(got.halves[0], aes, { peer: true, ratchets, first, initiator: true }));
      this.addReceiver(callee['conn id'], new Direction(got.halves[1], aes, { peer: true, ratchets, first, initiator: false }));
      return;
    }
    throw new Malformed('KK 2', 'does not open');
  }

  stun(b, inStream) {
    if (inStream) throw new Malformed('STUN', 'inside a stream');
    const m = readSTUN(b);
    const token = m.attributes['link token'];
    if (token && !this.stunTokens.has(hex(token))) throw new Malformed('STUN.link token', 'no link was given it');
    if (m.name === 'request' && m.classic) this.classic.add(hex(m.id));
    if (m.name !== 'request' && m.classic !== this.classic.has(hex(m.id))) throw new Malformed('STUN.magic cookie', 'of the other generation');
    this.note(`STUN ${m.classic ? 'classic ' : ''}${m.name}`, { bytes: b, fields: [] });
  }

  lan(b, inStream) {
    if (inStream) throw new Malformed('LAN', 'inside a stream');
    const name = { 1: 'query', 2: 'announcement' }[b[5]];
    if (!name) throw new Malformed('LAN.kind', `${b[5]}`);
    const c = new Cursor(b, name);
    const v = this.doc.layouts.read(c, this.doc.lan[name]);
    c.end();
    if (name === 'announcement' && this.lanKey && !hmac(this.lanKey, b.subarray(0, -16)).subarray(0, 16).equals(v.tag)) throw new Malformed('announcement.tag', 'wrong');
    if (name === 'query') this.queries.add(v.nonce);
    else if (!this.queries.has(v.nonce)) throw new Malformed('announcement.nonce', 'of no query');
    this.note(`LAN ${name}`, { bytes: b, fields: c.fields });
  }
}

// kkPrologue is what both players must have been told alike.
export function kkPrologue({ app, room, epoch, id, caller, callee }) {
  const b = Buffer.alloc(2 + 1 + app.length + 8 + 4);
  b.writeUInt16BE(1, 0);
  b[2] = app.length;
  app.copy(b, 3);
  b.writeBigUInt64BE(room, 3 + app.length);
  b.writeUInt32BE(epoch, 11 + app.length);
  return Buffer.concat([Buffer.from('musubi peer'), b, id, caller, callee, Buffer.of(0, 0, 0, 1)]);
}
