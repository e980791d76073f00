// wechatpay-node-v3, a client of API v3, makes every call of a sandbox: see ../run.sh.
import WxPay from 'wechatpay-node-v3'

import { billDate, check, control, field, identity, isBill, key, notice, order, refund, sandbox } from './common.mjs'

// Its address is a constant, so its own way of making requests is given this one. Each answer is verified as it came.
class Requests {
  async send(method, url, headers, body) {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const answer = await fetch(url.replace('https://api.mch.weixin.qq.com', sandbox), { method, headers, body: text })
    const isFile = url.includes('/v3/billdownload/')
    const raw = Buffer.from(await answer.arrayBuffer())
    if (answer.ok && !isFile) {
      const header = name => answer.headers.get(`wechatpay-${name}`)
      const good = await pay.verifySign({
        timestamp: header('timestamp'), nonce: header('nonce'), body: raw.toString(), serial: header('serial'),
        signature: header('signature'),
      })
      check('answer verified', good, url)
    }
    const data = isFile ? raw : raw.length ? JSON.parse(raw.toString()) : {}
    return answer.ok ? { status: answer.status, data } : { status: answer.status, error: data }
  }
  get(url, headers) { return this.send('GET', url, headers) }
  post(url, params, headers) { return this.send('POST', url, headers, params) }
}

// It verifies by certificates only, which it downloads: that answer cannot be verified before it is read.
class Unverified extends Requests {
  async send(method, url, headers) {
    const answer = await fetch(url.replace('https://api.mch.weixin.qq.com', sandbox), { method, headers })
    return { status: answer.status, data: await answer.json() }
  }
}

const pay = new WxPay({
  appid: identity.appid, mchid: identity.mch_id, publicKey: Buffer.from(key('apiclient_cert.pem')),
  privateKey: Buffer.from(key('apiclient_key.pem')), key: identity.apiv3_key,
})
pay.createHttp(new Unverified())
await pay.fetchCertificates()
check('certificates', identity.platform_serials.every(serial => WxPay.certificates[serial]), WxPay.certificates)
pay.createHttp(new Requests())

const number = name => `NODE-V3-${name}`
const placed = {}
for (const kind of ['native', 'h5']) {
  const { data, error } = await pay[`transactions_${kind}`](order(number(kind), kind))
  check(kind, data && Object.keys(data).join() === field[kind], error)
  placed[kind] = data[field[kind]]
}
const bridge = await pay.transactions_jsapi(order(number('jsapi'), 'jsapi'))
check('jsapi', bridge.data?.package?.startsWith('prepay_id=wx') && bridge.data.paySign.length === 344, bridge)
const app = await pay.transactions_app(order(number('app'), 'app'))
check('app', app.data?.prepayid?.startsWith('wx') && app.data.sign.length === 344, app)

const paid = await control('/control/pay', { code_url: placed.native })
const found = await pay.query({ out_trade_no: number('native') })
check('query', found.data?.trade_state === 'SUCCESS' && found.data.amount.total === 1990, found)
const byId = await pay.query({ transaction_id: paid.transaction_id })
check('query by id', byId.data?.out_trade_no === number('native'), byId)
const unknown = await pay.query({ out_trade_no: 'NO-SUCH-ORDER' })
check('unknown order', unknown.status === 404 && unknown.error.code === 'ORDER_NOT_EXIST', unknown)

const closed = await pay.close(number('jsapi'))
check('close', closed.status === 204, closed)
check('closed', (await pay.query({ out_trade_no: number('jsapi') })).data?.trade_state === 'CLOSED')

const taken = await pay.refunds(refund(number('native'), number('refund')))
check('refund', taken.data?.out_refund_no === number('refund'), taken)
const ended = await pay.find_refunds(number('refund'))
check('refund query', ended.data?.status === 'SUCCESS', ended)

for (const event of ['TRANSACTION.SUCCESS', 'REFUND.SUCCESS']) {
  const { headers: h, body } = await notice(number('native'), event)
  const verifies = text => pay.verifySign({
    timestamp: h['Wechatpay-Timestamp'], nonce: h['Wechatpay-Nonce'], body: text, serial: h['Wechatpay-Serial'],
    signature: h['Wechatpay-Signature'],
  })
  check(`${event} signature`, await verifies(body) && !await verifies(`${body} `), h)
  const { resource } = JSON.parse(body)
  const inside = pay.decipher_gcm(resource.ciphertext, resource.associated_data, resource.nonce)
  check(`${event} inside`, inside.out_trade_no === number('native'), inside)
}

for (const [bill, first] of [['tradebill', '交易时间,'], ['fundflowbill', '记账时间,']]) {
  const { data, error } = await pay[bill]({ bill_date: billDate, tar_type: 'GZIP' })
  check(bill, data?.hash_type === 'SHA1', error)
  // It signs the address as it is, less WeChat's own host.
  const url = data.download_url.replace(sandbox, 'https://api.mch.weixin.qq.com')
  const file = await pay.downloadBill(url)
  check(`${bill} file`, isBill(file.data, data.hash_value, first), file)
}
