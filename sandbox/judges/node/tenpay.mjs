// tenpay, a client of API v2, pays in a page and in an app, and answers the scan of a static code: see ../run.sh.
import { createServer } from 'node:http'

import tenpay from 'tenpay'

const { SANDBOX: sandbox, BROWSER: browser, NOTIFY_URL: notify_url, APP_APPID, CALLBACK_PORT } = process.env
const openid = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o'
const HMAC = 'HMAC-SHA256'

function check(name, good, seen) {
  if (!good) {
    console.error(`not ok ${name}:`, seen)
    process.exit(1)
  }
  console.log(`ok ${name}`)
}

// Its addresses are constants in a table.
function client(appid) {
  const api = new tenpay({ appid, mchid: '10000100', partnerKey: '192006250b4c09247ec02edce69f6a2d', notify_url,
    spbill_create_ip: '203.0.113.7' })
  for (const [name, url] of Object.entries(api.urls)) api.urls[name] = url.replace('https://api.mch.weixin.qq.com', sandbox)
  return api
}
async function post(url, body) {
  const headers = { 'content-type': 'application/json' }
  return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })).json()
}

const api = client('wxd930ea5d5a258f4f')
const order = out_trade_no => ({ out_trade_no, body: '示例书店-图书', total_fee: 1990 })

for (const sign_type of ['MD5', HMAC]) {
  const placed = await api.unifiedOrder({ ...order(`TP-JSAPI-${sign_type}`), trade_type: 'JSAPI', openid, sign_type })
  const sheet = await post(`${browser}/__weixin/pay`, api.getPayParamsByPrepay(placed, sign_type))
  check(`getPayParamsByPrepay ${sign_type}`, sheet.amount === '19.90', sheet)
  const pressed = await post(`${browser}/__weixin/press`, { prepay_id: sheet.prepay_id })
  check(`jsapi paid ${sign_type}`, pressed.result === 'ok', pressed)
  const found = await api.orderQuery({ out_trade_no: `TP-JSAPI-${sign_type}` })
  check(`jsapi query ${sign_type}`, found.trade_state === 'SUCCESS' && found.openid === openid, found)
}

const app = client(APP_APPID)
for (const sign_type of ['MD5', HMAC]) {
  const placed = await app.unifiedOrder({ ...order(`TP-APP-${sign_type}`), trade_type: 'APP', sign_type })
  const returned = await post(`${sandbox}/control/app`, app.getAppParamsByPrepay(placed, sign_type))
  check(`getAppParamsByPrepay ${sign_type}`, returned.errCode === 0, returned)
}

const h5 = await api.unifiedOrder({ ...order('TP-MWEB'), trade_type: 'MWEB',
  scene_info: JSON.stringify({ h5_info: { type: 'Wap', wap_url: 'https://m.example.com', wap_name: 'x' } }) })
const page = await fetch(h5.mweb_url, { headers: { referer: 'http://127.0.0.1:3000/' } })
check('mweb_url', (await page.text()).includes('data-state="payable"'), h5)

// The merchant behind a static code: one product is sold, the other is not.
const server = createServer(async (request, response) => {
  let body = ''
  for await (const part of request) body += part
  const scanned = await api._parse(body, 'middleware_nativePay')
  check('callback parsed', scanned.openid === openid && scanned.is_subscribe === 'N', scanned)
  const sold = scanned.product_id === 'SKU-1001'
  const placed = sold && await api.unifiedOrder({ ...order('TP-NATIVE'), trade_type: 'NATIVE', product_id: 'SKU-1001' })
  response.end(api._getNativeReply(sold ? placed.prepay_id : '', sold ? undefined : '商品已下架'))
})
await new Promise(resolve => server.listen(Number(CALLBACK_PORT), '127.0.0.1', resolve))
const scan = product_id => post(`${sandbox}/control/scan`, { code_url: api.getNativeUrl({ product_id }) })
const scanned = await scan('SKU-1001')
check('getNativeUrl', scanned.prepay_id?.startsWith('wx'), scanned)
const refused = await scan('SKU-1002')
check('refused', refused.message === '商品已下架', refused)
await post(`${sandbox}/control/pay`, { prepay_id: scanned.prepay_id })
const paid = await api.orderQuery({ out_trade_no: 'TP-NATIVE' })
check('mode one paid', paid.trade_state === 'SUCCESS', paid)
server.close()
