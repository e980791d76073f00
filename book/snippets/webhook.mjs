import { createHmac, timingSafeEqual } from 'node:crypto'

// body: the bytes that came, a Buffer. headers: as Node has them, names in lower case. secret: whsec_…
export function verify(body, headers, secret) {
  const { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signatures = '' } = headers
  if (!(Math.abs(Date.now() / 1000 - Number(time)) <= 300)) throw new Error('too old')
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
  const right = createHmac('sha256', key).update(`${id}.${time}.`).update(body).digest()
  const isRight = signatures.split(' ').some(one => {
    const given = Buffer.from(one.slice('v1,'.length), 'base64')
    return one.startsWith('v1,') && given.length === right.length && timingSafeEqual(given, right)
  })
  if (!isRight) throw new Error('not signed by Saoma')
  return JSON.parse(body)
}
