// node main.mjs PROTOCOL.md VECTORS CAPTURE [some]: checks the golden bytes, then takes every packet of a capture apart and names each of its bytes, by
// the document alone. The capture has, unless "some" stands behind it, a packet of every kind. It has a line of JSON for each thing: the start of a
// world, a secret (a random draw of an actor, perhaps a private key), a server's master key, a password's or a join code's key, a datagram, a write to a TCP
// stream. Ends with 1 and says why if a byte is not explained, a value is not allowed, a kind of the document did not come, or something broken is taken.
import fs from 'node:fs';
import readline from 'node:readline';
import { readDocument } from './document.mjs';
import { breakAll } from './broken.mjs';
import { checkVectors } from './vectors.mjs';
import { World } from './world.mjs';

// Tally is what was seen.
class Tally {
  kinds = new Map();
  samples = new Map(); // the first of each kind, to be broken later
  datagrams = 0;
  bytes = 0;
  repairs = 0;
  note(kind, sample) {
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
    if (sample && !this.samples.has(kind)) this.samples.set(kind, sample);
  }
}

async function main([documentPath, vectorsPath, capturePath, some]) {
  const doc = readDocument(fs.readFileSync(documentPath, 'utf8'));
  const faults = checkVectors(doc, JSON.parse(fs.readFileSync(vectorsPath)));
  const tally = new Tally();
  let world, name, line = 0;
  for await (const text of readline.createInterface({ input: fs.createReadStream(capturePath) })) {
    const x = JSON.parse(text);
    line++;
    try {
      if (x.world) {
        world?.end();
        world = new World(doc, tally);
        world.node = x.node;
        name = x.world;
      }
      else if (x.secret) world.secret(Buffer.from(x.secret, 'hex'));
      else if (x.room) world.roomKey(BigInt(x.room), Buffer.from(x.key, 'hex'));
      else if (x.master) world.servers.master(Buffer.from(x.master, 'hex'));
      else if (x.lan) world.lanKey = Buffer.from(x.lan, 'hex');
      else {
        const b = Buffer.from(x.data, 'hex');
        if (x.stream) world.stream(x.stream, x.end, b);
        else world.datagram(b, false, x.to);
        tally.datagrams++;
        tally.bytes += b.length;
      }
    } catch (e) {
      if (!e.field) throw e;
      faults.push(`line ${line}, ${name}, ${x.data?.slice(0, 64)}…: ${e.message}`);
      if (faults.length > 20) break;
    }
  }
  try { world.end(); } catch (e) { faults.push(`${name}: ${e.message}`); }
  if (!some) for (const kind of doc.kinds) if (!tally.kinds.has(kind)) faults.push(`never seen: ${kind}`);
  for (const kind of tally.kinds.keys()) if (!doc.kinds.includes(kind) && !/^path [2-6]$/.test(kind)) faults.push(`seen, but not in the document: ${kind}`);
  if (!some && !tally.repairs) faults.push('no REPAIR could be computed again');
  const broken = breakAll(doc, tally.samples, faults);
  if (process.env.VERBOSE) for (const kind of [...tally.kinds].sort()) console.log(kind.join('  '));
  for (const f of faults) console.log(`FAULT ${f}`);
  console.log(`explained ${tally.bytes} bytes of ${tally.datagrams} datagrams and writes, ${tally.kinds.size} kinds, ${tally.repairs} REPAIR frames computed again, ${broken} broken ones refused`);
  process.exitCode = faults.length ? 1 : 0;
}

await main(process.argv.slice(2));
