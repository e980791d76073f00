// wechatpay-axios-plugin signs what a page and an app hand to WeChat, for orders of API v3: see ../run.sh.
import wechatpay from 'wechatpay-axios-plugin'

import { check, field, identity, key, order, sandbox } from './common.mjs'

const { Wechatpay, Rsa, Formatter } = wechatpay
const browser = process.env.BROWSER
const privateKey = key('apiclient_key.pem')
const wxpay = new Wechatpay({
  baseURL: `${sandbox}/`, mchid: identity.mch_id, serial: identity.serial, privateKey, proxy: false,
  certs: { [identity.public_key_id]: key('pub_key.pem') }, headers: { 'Wechatpay-Serial': identity.public_key_id },
})
async function post(url, body) {
  const headers = { 'content-type': 'application/json' }
  return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })).json()
}
const place = async kind =>
  (await wxpay.v3.pay.transactions[kind].post(order(`INVOKE-${kind}`, kind))).data[field[kind]]
const sign = (...lines) => Rsa.sign(Formatter.joinedByLineFeed(...lines), privateKey)
const [time, nonce] = [`${Formatter.timestamp()}`, Formatter.nonce()]

const page = { appId: identity.appid, timeStamp: time, nonceStr: nonce, package: `prepay_id=${await place('jsapi')}` }
const parameters = { ...page, signType: 'RSA', paySign: sign(...Object.values(page)) }
const forged = await post(`${browser}/__weixin/pay`, { ...parameters, nonceStr: Formatter.nonce() })
check('jsapi changed', forged.fail === '支付验证签名失败', forged)
const typed = await post(`${browser}/__weixin/pay`, { ...parameters, signType: 'MD5' })
check('jsapi sign type', typed.fail === '支付验证签名失败', typed)
const sheet = await post(`${browser}/__weixin/pay`, parameters)
check('jsapi sheet', sheet.amount === '19.90', sheet)
check('jsapi paid', (await post(`${browser}/__weixin/press`, { prepay_id: sheet.prepay_id })).result === 'ok', sheet)

const prepayid = await place('app')
const app = { appid: identity.app_appid, partnerid: identity.mch_id, prepayid, package: 'Sign=WXPay', noncestr: nonce, timestamp: time }
const prefixed = await post(`${sandbox}/control/app`,
  { ...app, sign: sign(identity.app_appid, time, nonce, `prepay_id=${prepayid}`) })
check('app prefixed', prefixed.errCode === -1, prefixed)
const returned = await post(`${sandbox}/control/app`, { ...app, sign: sign(identity.app_appid, time, nonce, prepayid) })
check('app paid', returned.errCode === 0, returned)
