// Hands a signed statement to the service. The same one may be handed in again: it is taken once.

const ADDRESS = "/api/v1/statements";
const TIMEOUT_MS = 20_000;

/** {index}, or {reason, detail} of a refusal, or {unsure: detail} where nobody knows whether it was taken. */
export async function handIn(content) {
  let answer;
  try {
    const headers = { "content-type": "application/cose" };
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    answer = await fetch(ADDRESS, { method: "POST", headers, body: content, signal });
  } catch {
    return { unsure: "the service does not answer" };
  }
  const said = await answer.json().catch(() => ({}));
  if (answer.ok && Number.isSafeInteger(said.index)) return { index: said.index };
  const detail = typeof said.detail === "string" ? said.detail : `the service answers ${answer.status}`;
  const isRefused = answer.status >= 400 && answer.status < 500 && ![408, 429].includes(answer.status);
  return isRefused ? { reason: String(said.reason ?? ""), detail } : { unsure: detail };
}
