// Access tokens and identity certificates in a Node.js backend; no packages are needed.
//
//   import { accessToken, certificate } from './token.mjs'
//   const token = accessToken(process.env.MUSUBI_SECRET, { app: 'racer', sub: user.id, seconds: 3600 })
//
// The secret is what `musubi token keygen` prints: KID=ALG:BASE64. Keep it in the backend; the server gets the other half.
import { createHmac, createPrivateKey, sign as signature } from 'node:crypto'
import { pathToFileURL } from 'node:url'

// What stands before the 32 bytes of an Ed25519 key in DER (RFC 8410).
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex')

// sign makes a JWS; typ is 'JWT' for a token, 'musubi-id' for a certificate.
export function sign (secret, typ, claims) {
  const [, kid, alg, coded] = /^([^=]+)=(EdDSA|HS256):(.+)$/.exec(secret)
  const key = Buffer.from(coded, 'base64url')
  const part = (o) => Buffer.from(JSON.stringify(o)).toString('base64url')
  const signed = part({ alg, kid, typ }) + '.' + part(claims)
  const made = alg === 'EdDSA'
    ? signature(null, Buffer.from(signed), createPrivateKey({ key: Buffer.concat([pkcs8, key]), format: 'der', type: 'pkcs8' }))
    : createHmac('sha256', key).update(signed).digest()
  return signed + '.' + made.toString('base64url')
}

const later = (seconds) => Math.floor(Date.now() / 1000) + seconds

// accessToken lets a player use the server for so many seconds, at most 86400. more: room, perm, relay, priv, cnf.
export function accessToken (secret, { app, sub, seconds = 3600, ...more }) {
  return sign(secret, 'JWT', { app, sub, exp: later(seconds), ...more })
}

// certificate says whose key this is: publicKey is what the game's musubi_identity gave, 32 bytes.
export function certificate (secret, { app, sub, publicKey, seconds = 7 * 86400 }) {
  return sign(secret, 'musubi-id', { app, sub, exp: later(seconds), cnf: Buffer.from(publicKey).toString('base64url') })
}

// node token.mjs SECRET TYP CLAIMS [SECRET TYP CLAIMS …]: signs claims in JSON as they are.
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (let args = process.argv.slice(2); args.length > 0; args = args.slice(3)) {
    console.log(sign(args[0], args[1], JSON.parse(args[2])))
  }
}
