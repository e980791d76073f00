// wechatpay-axios-plugin, a client of API v2 and v3, makes every call of a sandbox: see ../run.sh.
import { X509Certificate } from 'node:crypto'

import wechatpay from 'wechatpay-axios-plugin'

import { billDate, check, control, field, identity, isBill, key, notice, order, refund, sandbox } from './common.mjs'

const { Wechatpay, Rsa, Aes, Formatter } = wechatpay
const apiKey = '192006250b4c09247ec02edce69f6a2d'

// Downloads the certificates: opens each, then verifies the answer by what was inside. Its own command `wxpay crt` means to do
// the same, but 0.9.6 verifies by a copy of its keys that the new ones are not in, and so refuses every server's answer.
async function download() {
  const wxpay = new Wechatpay({
    baseURL: `${sandbox}/`, mchid: identity.mch_id, serial: identity.serial, privateKey: key('apiclient_key.pem'),
    certs: { any: undefined }, proxy: false,
  })
  const { data: body, headers } = await wxpay.client.v3.get('v3/certificates', { transformResponse: [text => text] })
  const certificates = Object.fromEntries(JSON.parse(body).data.map(({ serial_no: serial, encrypt_certificate: sealed }) =>
    [serial, Aes.AesGcm.decrypt(sealed.ciphertext, identity.apiv3_key, sealed.nonce, sealed.associated_data)]))
  for (const [serial, pem] of Object.entries(certificates)) {
    check('certificate', new X509Certificate(pem).serialNumber === serial, pem)
  }
  const signed = Formatter.response(headers['wechatpay-timestamp'], headers['wechatpay-nonce'], body)
  const by = Rsa.from(certificates[headers['wechatpay-serial']], Rsa.KEY_TYPE_PUBLIC)
  check('certificates verified', Rsa.verify(signed, headers['wechatpay-signature'], by), headers)
  return certificates
}

async function judge(mode, certs, headers) {
  const is = (name, good, seen) => check(`${mode} ${name}`, good, seen)
  const wxpay = new Wechatpay({
    baseURL: `${sandbox}/`, mchid: identity.mch_id, serial: identity.serial, privateKey: key('apiclient_key.pem'),
    secret: apiKey, certs, headers, proxy: false,
  })
  const number = name => `AX-${mode}-${name}`
  const refused = async call => call.then(r => r, error => error.response)

  const placed = {}
  for (const kind of ['native', 'jsapi', 'app', 'h5']) {
    const { data } = await wxpay.v3.pay.transactions[kind].post(order(number(kind), kind))
    is(kind, Object.keys(data).join() === field[kind], data)
    placed[kind] = data[field[kind]]
  }
  const paid = await control('/control/pay', { code_url: placed.native })
  const byNumber = name => wxpay.v3.pay.transactions.outTradeNo.$out_trade_no$
    .get({ params: { mchid: identity.mch_id }, out_trade_no: name })
  const { data: found } = await byNumber(number('native'))
  is('query', found.trade_state === 'SUCCESS' && found.amount.total === 1990, found)
  const { data: byId } = await wxpay.v3.pay.transactions.id._transaction_id_
    .get({ params: { mchid: identity.mch_id }, transaction_id: paid.transaction_id })
  is('query by id', byId.out_trade_no === number('native'), byId)
  const unknown = await refused(byNumber('NO-SUCH-ORDER'))
  is('unknown order', unknown.status === 404 && unknown.data.code === 'ORDER_NOT_EXIST', unknown.data)

  const closed = await wxpay.v3.pay.transactions.outTradeNo.$out_trade_no$.close
    .post({ mchid: identity.mch_id }, { out_trade_no: number('jsapi') })
  is('close', closed.status === 204, closed.status)
  is('closed', (await byNumber(number('jsapi'))).data.trade_state === 'CLOSED')

  const { data: taken } = await wxpay.v3.refund.domestic.refunds.post(refund(number('native'), number('refund')))
  is('refund', taken.out_refund_no === number('refund') && taken.amount.refund === 500, taken)
  const { data: ended } = await wxpay.v3.refund.domestic.refunds.$out_refund_no$.get({ out_refund_no: number('refund') })
  is('refund query', ended.status === 'SUCCESS', ended)

  const nonce_str = Formatter.nonce()
  const { data: inV2 } = await wxpay.v2.pay.orderquery
    .post({ appid: identity.appid, mch_id: identity.mch_id, out_trade_no: number('native'), nonce_str })
  is('query by v2', inV2.trade_state === 'REFUND' && inV2.transaction_id === paid.transaction_id, inV2)

  for (const event of ['TRANSACTION.SUCCESS', 'REFUND.SUCCESS']) {
    const { headers: h, body } = await notice(number('native'), event)
    const verifies = text => Rsa.verify(
      Formatter.response(h['Wechatpay-Timestamp'], h['Wechatpay-Nonce'], text), h['Wechatpay-Signature'],
      Rsa.from(certs[h['Wechatpay-Serial']], Rsa.KEY_TYPE_PUBLIC))
    is(`${event} signature`, verifies(body) && !verifies(`${body} `), h)
    const { resource } = JSON.parse(body)
    const inside = JSON.parse(
      Aes.AesGcm.decrypt(resource.ciphertext, identity.apiv3_key, resource.nonce, resource.associated_data))
    is(`${event} inside`, inside.out_trade_no === number('native'), inside)
  }

  for (const [bill, first] of [['tradebill', '交易时间,'], ['fundflowbill', '记账时间,']]) {
    const { data } = await wxpay.v3.bill[bill].get({ params: { bill_date: billDate, tar_type: 'GZIP' } })
    // It knows by the address which answers are not signed.
    const { pathname, searchParams } = new URL(data.download_url)
    const params = Object.fromEntries(searchParams)
    const file = await wxpay.client.v3.get(pathname, { params, responseType: 'arraybuffer' })
    is(bill, isBill(file.data, data.hash_value, first), data)
  }
}

const id = identity.public_key_id
await judge('public_key', { [id]: key('pub_key.pem') }, { 'Wechatpay-Serial': id })
await judge('certificates', await download(), {})
