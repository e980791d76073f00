// The sandbox in WeChat's place, steered through /control/*.

/** An order as WeChat knows it. */
export interface WechatOrder {
  out_trade_no: string
  total_fee: number
  trade_state: string
  code_url: string | null
  transaction_ids: string[]
}

/** The switches; what is not named is as it should be. */
export interface Faults {
  notify?: { lose?: boolean; repeat?: number; delay_ms?: number; forge_sign?: boolean; total_fee?: number }
  answer?: 'ok' | 'timeout' | 'timeout_after' | '500' | 'garbage' | 'unsigned' | 'SYSTEMERROR'
  answer_delay_ms?: number
  refund?: { refuse?: 'NOTENOUGH' }
  speed?: number
  weixin?: { bridge?: 'fail' | 'late' | 'never' | 'ok_without_paying'; code?: string; token?: string }
}

export class Sandbox {
  constructor(public url: string) {}

  /** All orders, newest last. */
  async orders(): Promise<WechatOrder[]> {
    return (await fetch(`${this.url}/control/orders`)).json()
  }

  async order(outTradeNo: string): Promise<WechatOrder> {
    const found = (await this.orders()).find(order => order.out_trade_no === outTradeNo)
    if (!found) throw new Error(`WeChat knows no order ${outTradeNo}`)
    return found
  }

  async newest(): Promise<WechatOrder & { code_url: string }> {
    const order = (await this.orders()).at(-1)
    if (!order?.code_url) throw new Error('WeChat has no order with a code')
    return { ...order, code_url: order.code_url }
  }

  /** Pays without a phone. Answers with the status: 200, or why not. */
  async pay(codeUrl: string, how: { force?: boolean; again?: boolean } = {}): Promise<number> {
    const answer = await fetch(`${this.url}/control/pay`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code_url: codeUrl, ...how }),
    })
    return answer.status
  }

  async faults(faults: Faults) {
    const answer = await fetch(`${this.url}/control/faults`, { method: 'PUT', body: JSON.stringify(faults) })
    if (!answer.ok) throw new Error(await answer.text())
  }

  async notices(): Promise<{ out_trade_no: string; status: number | null }[]> {
    return (await fetch(`${this.url}/control/notices`)).json()
  }
}
