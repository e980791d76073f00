// The calls of Saoma that this site makes. Each has a reference where it moves money, so that it can be made again while nobody
// knows what became of it.
const { SAOMA_URL = 'http://127.0.0.1:3000', SAOMA_KEY } = process.env;

export async function saoma(method, path, body) {
  for (let attempt = 0; ; attempt++) {
    const answer = await fetch(`${SAOMA_URL}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${SAOMA_KEY}`, ...(body && { 'content-type': 'application/json' }) },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(15_000),
    }).catch((error) => ({ ok: false, status: 503, json: async () => ({ code: 'no_answer', detail: error.message }) }));
    const read = await answer.json().catch(() => null);
    if (answer.ok && read) return read;
    // What is no JSON is a proxy's page: the call may have got through.
    const isUnknown = [429, 503].includes(answer.status) || (!read && (answer.ok || answer.status >= 500));
    if (!isUnknown || attempt === 4) {
      const said = read?.detail ?? read?.code ?? `HTTP ${answer.status} without JSON`;
      throw Object.assign(new Error(said), read, { status: answer.status });
    }
    await new Promise((done) => setTimeout(done, 200 * 2 ** attempt));
  }
}
