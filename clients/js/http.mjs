// Calls, repeated where that is safe and may help.
import { ApiError, NoAnswer } from "./errors.mjs";

const REPEATED = [408, 429, 500, 502, 503, 504];
const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];
const TIMEOUT_MS = 130_000; // above the longest wait that the service offers

/** Seconds; `chance` is uniform in [0, 1). See the README for what they mean. */
export const RETRY = { retries: 4, base: 0.5, longest: 8, longestHint: 60, chance: Math.random };

/** Seconds of a Retry-After (a number or a date), undefined where there is none that can be read. */
export function retryAfter(value, now = Date.now()) {
  if (value == null) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value);
  const moment = Date.parse(value);
  return Number.isNaN(moment) ? undefined : Math.max(0, (moment - now) / 1000);
}

export class Http {
  #options;

  /** `sleep(seconds)` and `fetch` can be given, for tests. */
  constructor({ baseUrl, apiKey, getToken, retry, fetch = globalThis.fetch, sleep = pause }) {
    const { protocol, hostname } = new URL(baseUrl);
    if (!["http:", "https:"].includes(protocol)) throw new TypeError("baseUrl should be an https URL");
    if ((apiKey || getToken) && protocol !== "https:" && !LOOPBACK.includes(hostname)) {
      throw new TypeError("baseUrl should be https: a credential goes with every call");
    }
    const base = `${baseUrl.replace(/\/+$/, "")}/content-architect/`;
    this.#options = { base, apiKey, getToken, retry: { ...RETRY, ...retry }, fetch, sleep };
  }

  get sleep() {
    return this.#options.sleep;
  }

  /** Full jitter, so that many callers do not come back at once. */
  backoff(made) {
    const { base, longest, chance } = this.#options.retry;
    return chance() * Math.min(longest, base * 2 ** (made - 1));
  }

  /** How long the service wants to be left alone, within reason. */
  pauseOf(answer, seconds) {
    return Math.min(retryAfter(answer.headers.get("retry-after")) ?? seconds, this.#options.retry.longestHint);
  }

  /**
   * `{status, headers, text}`. Only what may happen twice is repeated after anything but 429.
   * Throws ApiError and NoAnswer.
   */
  async call(method, path, { query, headers, body, repeatable = true, retries } = {}) {
    const { retry, sleep } = this.#options;
    for (let made = 1; ; made += 1) {
      const answer = await this.#send(method, path, { query, headers, body });
      const again = answer.error ? repeatable : (repeatable ? REPEATED : [429]).includes(answer.status);
      if (!again || made > (retries ?? retry.retries)) return checked(answer);
      const hint = answer.error ? undefined : retryAfter(answer.headers.get("retry-after"));
      await sleep(hint === undefined ? this.backoff(made) : Math.min(hint, retry.longestHint));
    }
  }

  /** The JSON object of an answer. */
  async json(method, path, options) {
    return parsed(await this.call(method, path, options));
  }

  async #send(method, path, { query = {}, headers = {}, body }) {
    const { base, apiKey, getToken, fetch } = this.#options;
    const url = new URL(base + path);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
    const credential = apiKey ? { "x-api-key": apiKey } : getToken ? { authorization: `Bearer ${await getToken()}` } : {};
    const content = body === undefined ? {} : { "content-type": "application/json" };
    try {
      const response = await fetch(url, {
        method,
        headers: { accept: "application/json", ...content, ...credential, ...headers },
        body: body === undefined ? undefined : JSON.stringify(body),
        redirect: "manual", // a credential goes to the configured address alone
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      return { status: response.status, headers: response.headers, text: await response.text() };
    } catch (error) {
      return { error };
    }
  }
}

export function parsed(answer) {
  const value = objectOf(answer.text);
  if (!value) throw new ApiError(answer.status, problemOf(answer));
  return value;
}

function checked(answer) {
  if (answer.error) throw new NoAnswer(String(answer.error.cause ?? answer.error), { cause: answer.error });
  const good = (answer.status >= 200 && answer.status < 300) || answer.status === 304;
  if (!good) throw new ApiError(answer.status, problemOf(answer), retryAfter(answer.headers.get("retry-after")));
  return answer;
}

function problemOf({ status, text }) {
  const value = objectOf(text);
  return value?.code ? value : { code: "unknown", status, detail: text.trim().slice(0, 300), errors: [] };
}

function objectOf(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === "object" && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
