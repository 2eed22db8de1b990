// Golden bytes: what the product makes must be what the document says.
import { expand, extract, hmac, blake2s } from './blake2s.mjs';
import { Cursor } from './layout.mjs';
import { readFrames } from './frames.mjs';
import { Initiator, publicKey } from './noise.mjs';
import { Ratchets } from './phases.mjs';
import { Direction, header, nearest, resumeSecret } from './session.mjs';
import { readSTUN } from './stun.mjs';
import { kkPrologue } from './world.mjs';

const unhex = (s) => Buffer.from(s, 'hex');

// secretsOf finds private keys by their public ones.
function secretsOf(...privates) {
  const known = new Map(privates.map((p) => [publicKey(unhex(p)).toString('hex'), unhex(p)]));
  return (pub) => known.get(pub.toString('hex'));
}

function read(doc, name, bytes) {
  const kind = [...doc.datagrams.values()].find((d) => d.name === name);
  const c = new Cursor(bytes, name);
  c.take(1, 'type');
  const v = doc.layouts.read(c, kind.layout);
  c.end();
  return v;
}

// packet opens one that a direction's end sealed as its fourth on a path, and seals it again.
const packet = (half, aes, path, connId, text) => sealedBy(new Direction(half, aes, {}), 3n, path, connId, text);

function sealedBy(d, number, path, connId, text) {
  const bytes = unhex(text), h = header(bytes);
  const got = d.open(h, bytes);
  if (!got || got.number !== number || !got.plain.equals(Buffer.of(1, 0)) || h.path !== path || h.connId !== connId) return 'does not open, or holds something else';
  d.largest[path] = number;
  return d.seal(path, connId, number, got.plain).equals(bytes) ? '' : 'is another when sealed again';
}

const checks = {
  'link handshakes'(doc, v) {
    const resumed = v.pattern === 'NNpsk0';
    const hello = read(doc, resumed ? 'RS1' : 'HS1', unhex(v.hello)), welcome = read(doc, resumed ? 'RS2' : 'HS2', unhex(v.welcome));
    const hs = new Initiator(v.pattern, unhex(v.hello).subarray(0, 46 + hello.ticket.length));
    const secrets = secretsOf(v['client ephemeral private'], ...(resumed ? [] : [v['client private']]));
    const payload = resumed ? hs.readNN1(hello.noise, unhex(v.psk), secrets) : hs.readIK1(hello.noise, unhex(v['server public']), secrets)?.payload;
    const second = payload && hs.readSecond(welcome.noise);
    if (!second) return 'the messages do not open';
    doc.layouts.whole(payload, 'message 1', doc.payloads['message 1']);
    const info = doc.layouts.whole(second.payload, 'message 2', doc.payloads['message 2']);
    if (!resumeSecret(second.halves, second.hash).equals(unhex(v['resume secret']))) return 'the resume secret is another';
    return packet(second.halves[0], false, 2, info['conn id'], v['packet to server']) || packet(second.halves[1], false, 2, hello['conn id'], v['packet to client']);
  },
  'player handshakes'(doc, v) {
    let psk = unhex(v.psk);
    if (v.password) psk = expand(extract(Buffer.alloc(0), Buffer.concat([psk, unhex(v['room key'])])), 'musubi room password', 32);
    const callee = publicKey(unhex(v['callee private'])), caller = unhex(v['caller public']);
    const hs = new Initiator('KKpsk0', kkPrologue({ app: Buffer.from(v.app), room: BigInt(v.room), epoch: v.epoch, id: unhex(v.introduction), caller, callee }));
    const payload = hs.readKK1(unhex(v['KK 1']), psk, callee, caller, secretsOf(v['callee private'], v['callee ephemeral private']));
    const second = payload && hs.readSecond(unhex(v['KK 2']));
    if (!second) return 'the messages do not open';
    const [own, other] = [payload, second.payload].map((p) => doc.layouts.whole(p, 'player', doc.payloads.player));
    const aes = (own.flags & other.flags & 1) !== 0;
    return packet(second.halves[0], aes, 3, other['conn id'], v['packet to caller']) || packet(second.halves[1], aes, 0, own['conn id'], v['packet to callee']);
  },
  phases(doc, v) {
    const hs = new Initiator('KKpsk0', Buffer.from('prologue')), secrets = secretsOf(v['callee private'], v['callee ephemeral private'], v["answer's private key"]);
    const payload = hs.readKK1(unhex(v['KK 1']), Buffer.alloc(32), publicKey(unhex(v['callee private'])), unhex(v['caller public']), secrets);
    const second = payload && hs.readSecond(unhex(v['KK 2']));
    if (!second) return 'the messages do not open';
    const ratchets = new Ratchets(v.hybrid, secrets, () => [unhex(v["encapsulation's random bytes"])]);
    const [there, back] = second.halves.map((half) => new Direction(half, v.hybrid, { ratchets }));
    const phase = (name, number) => sealedBy(there, number, 3, 7, v[name]['to caller']) || sealedBy(back, number, 0, 7, v[name]['to callee']);
    const first = phase('phase 0', 3n);
    if (first) return `phase 0 ${first}`;
    ratchets.take(unhex(v.offer), true);
    ratchets.take(unhex(v.answer), false);
    if (![...ratchets.mixes()][0].equals(unhex(v.mix))) return 'the mix is another';
    const mixed = phase('phase 1, mixed', 7n);
    if (mixed) return `phase 1 ${mixed}`;
    const symmetric = phase('phase 2, symmetric', 11n);
    return symmetric && `phase 2 ${symmetric}`;
  },
  'packet numbers': (doc, v) => (nearest(BigInt(v.largest), v.low) === BigInt(v.number) ? '' : `${nearest(BigInt(v.largest), v.low)}, not ${v.number}`),
  'relay legs'(doc, v) {
    for (const name of ['BIND', 'BIND2']) {
      const b = unhex(v[name]);
      if (!blake2s(b.subarray(0, -16), 16, unhex(v['leg key'])).equals(read(doc, name, b).mac)) return `${name}'s mac is another`;
    }
    return read(doc, 'CHALLENGE', unhex(v.CHALLENGE)).cookie.mac.equals(read(doc, 'BIND2', unhex(v.BIND2)).cookie.mac) ? '' : 'BIND2 has another cookie';
  },
  'local network'(doc, v) {
    const b = unhex(v.announcement), a = doc.layouts.whole(b, 'announcement', doc.lan.announcement);
    const q = doc.layouts.whole(unhex(v.query), 'query', doc.lan.query);
    if (q.nonce !== a.nonce) return 'nonces differ';
    return hmac(unhex(v.key), b.subarray(0, -16)).subarray(0, 16).equals(a.tag) ? '' : 'the tag is another';
  },
  STUN(doc, v) {
    const q = readSTUN(unhex(v.request)), a = readSTUN(unhex(v.answer));
    const mapped = a.attributes['XOR-MAPPED-ADDRESS'];
    if (q.attributes['CHANGE-REQUEST'] !== 2 || !q.attributes.FINGERPRINT || !q.attributes['link token']) return 'the request holds something else';
    return `${[...mapped.address].join('.')}:${mapped.port}` === v.mapped ? '' : `mapped is ${mapped.port}`;
  },
  frames(doc, v) {
    const probe = ['CHALLENGE', 'RESPONSE', 'PROBE_CTL'].includes(v.frame);
    const [f, more] = readFrames(doc, unhex(v.bytes), probe ? 7 : 2).frames;
    if (f.name !== v.frame || more) return `is ${f.name}`;
    for (const [name, want] of Object.entries(v.fields)) {
      const got = name === 'holes' ? f.holes.map((h) => `${h.gap} ${h.range}`).join(' ') : Buffer.isBuffer(f[name]) ? f[name].toString('hex') : `${f[name]}`;
      if (got !== want) return `${name} is ${got}, not ${want}`;
    }
    return '';
  },
};

// checkVectors gives what is wrong with them.
export function checkVectors(doc, vectors) {
  const faults = [];
  for (const name of Object.keys(checks)) if (!vectors[name]?.length) faults.push(`no vectors of ${name}`);
  for (const [name, list] of Object.entries(vectors)) {
    list.forEach((v, i) => {
      let fault;
      try { fault = checks[name] ? checks[name](doc, v) : 'nothing checks it'; } catch (e) { fault = e.message; }
      if (fault) faults.push(`vector ${name} ${i + 1}: ${fault}`);
    });
  }
  return faults;
}
