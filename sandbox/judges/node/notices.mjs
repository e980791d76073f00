// Clients of WeChat Pay in WeChat's own place: each signs and seals notices by its own helpers, with the keys that the sandbox
// publishes, and posts them to the merchant's server at SERVER. Each pays the order of its name in ORDERS: see ../run.sh.
import { readFileSync } from 'node:fs'

import tenpay from 'tenpay'
import tenpayUtil from 'tenpay/lib/util.js'
import wechatpay from 'wechatpay-axios-plugin'
import nodeV3 from 'wechatpay-node-v3'

import { check, identity } from './common.mjs'

const { Aes, Formatter, Hash, Rsa, Transformer } = wechatpay
const { SERVER: server, WECHAT_KEYS: keys } = process.env
const orders = JSON.parse(process.env.ORDERS)
const apiKey = '192006250b4c09247ec02edce69f6a2d'
const pem = name => readFileSync(`${keys}/${name}.pem`)
let paid = 0

function payment() {
  paid += 1
  return `4200${process.pid.toString().padStart(12, '0')}${paid.toString().padStart(12, '0')}`
}

// API v3: what is inside is sealed, and the whole is signed.
function sealed(out_trade_no) {
  const inside = {
    mchid: identity.mch_id, appid: identity.appid, out_trade_no, transaction_id: payment(), trade_type: 'NATIVE',
    trade_state: 'SUCCESS', trade_state_desc: '支付成功', bank_type: 'OTHERS', attach: '', payer: { openid: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o' },
    success_time: new Date(Date.now() + 8 * 3600_000).toISOString().replace(/\.\d+Z/, '+08:00'),
    amount: { total: 1000, payer_total: 1000, currency: 'CNY', payer_currency: 'CNY' },
  }
  const nonce = Formatter.nonce(12)
  const ciphertext = Aes.AesGcm.encrypt(JSON.stringify(inside), identity.apiv3_key, nonce, 'transaction')
  return JSON.stringify({
    id: 'EV-2018022511223320873', create_time: inside.success_time, resource_type: 'encrypt-resource',
    event_type: 'TRANSACTION.SUCCESS', summary: '支付成功',
    resource: { original_type: 'transaction', algorithm: 'AEAD_AES_256_GCM', ciphertext, associated_data: 'transaction', nonce },
  })
}
async function tellsByV3(name, serial, sign) {
  const body = sealed(orders[name])
  const timestamp = Formatter.timestamp().toString(), nonce = Formatter.nonce()
  const signature = sign(Formatter.response(timestamp, nonce, body))
  const post = text => fetch(`${server}/wxpay/v3/notify`, {
    method: 'POST', body: text,
    headers: {
      'Content-Type': 'application/json', 'Wechatpay-Timestamp': timestamp, 'Wechatpay-Nonce': nonce, 'Wechatpay-Serial': serial,
      'Wechatpay-Signature': signature, 'Wechatpay-Signature-Type': 'WECHATPAY2-SHA256-RSA2048',
    },
  })
  const changed = await post(`${body} `)
  check(`${name} changed`, changed.status === 401, changed.status)
  const taken = await post(body)
  check(name, taken.status === 204, await taken.text())
}

const byPlugin = key => text => Rsa.sign(text, Rsa.from(pem(key), Rsa.KEY_TYPE_PRIVATE))
const certificate = identity.platform_serials.length
await tellsByV3('axios-plugin', identity.public_key_id, byPlugin('wechat'))
await tellsByV3('axios-plugin certificate', identity.platform_serials[certificate - 1], byPlugin(`platform_${certificate}`))
const signer = new nodeV3({ appid: identity.appid, mchid: identity.mch_id, serial_no: identity.serial, publicKey: pem('wechat'), privateKey: pem('wechat') })
await tellsByV3('node-v3', identity.public_key_id, text => signer.sign(text))

// API v2: flat fields under a common secret.
async function tellsByV2(name, sign, toXml, toObject) {
  const fields = {
    return_code: 'SUCCESS', result_code: 'SUCCESS', appid: identity.appid, mch_id: identity.mch_id, nonce_str: Formatter.nonce(),
    openid: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o', is_subscribe: 'N', trade_type: 'NATIVE', bank_type: 'OTHERS', total_fee: '1000',
    fee_type: 'CNY', cash_fee: '1000', transaction_id: payment(), out_trade_no: orders[name],
    time_end: new Date(Date.now() + 8 * 3600_000).toISOString().replace(/[-T:]|\.\d+Z/g, ''),
  }
  const post = async told => {
    const answer = await fetch(`${server}/wxpay/notify`, { method: 'POST', body: toXml({ ...told, sign: sign(fields) }) })
    return (await toObject(await answer.text())).return_code
  }
  const changed = await post({ ...fields, total_fee: '1' })
  check(`${name} changed`, changed === 'FAIL', changed)
  const taken = await post(fields)
  check(name, taken === 'SUCCESS', taken)
}

const api = new tenpay({ appid: identity.appid, mchid: identity.mch_id, partnerKey: apiKey, notify_url: server })
for (const type of ['MD5', 'HMAC-SHA256']) {
  await tellsByV2(`axios-plugin ${type}`, fields => Hash.sign(type, fields, apiKey), Transformer.toXml, xml => Transformer.toObject(xml))
  await tellsByV2(`tenpay ${type}`, fields => api._getSign(fields, type), tenpayUtil.buildXML, tenpayUtil.parseXML)
}
