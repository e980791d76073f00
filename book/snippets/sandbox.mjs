import wechatpay from 'wechatpay-axios-plugin'

const sandbox = 'http://127.0.0.1:3080'
const get = async path => (await fetch(sandbox + path)).text()
const identity = JSON.parse(await get('/control/identity'))
const wxpay = new wechatpay.Wechatpay({
  baseURL: sandbox + '/',
  mchid: identity.mch_id,
  serial: identity.serial,
  privateKey: await get('/keys/apiclient_key.pem'),
  secret: '192006250b4c09247ec02edce69f6a2d', // of API v2
  certs: { [identity.public_key_id]: await get('/keys/pub_key.pem') },
  headers: { 'Wechatpay-Serial': identity.public_key_id },
})
const { data } = await wxpay.v3.pay.transactions.native.post({
  mchid: identity.mch_id,
  appid: identity.appid,
  description: 'book',
  out_trade_no: 'NODE-0001',
  notify_url: 'http://127.0.0.1:8000/notify',
  amount: { total: 1 },
})
console.log(data)
