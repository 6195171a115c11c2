// A client of the Content Architect API: submit, watch, take the result, check callbacks. See README.md.
import { JobNotDone, TookTooLong } from "./errors.mjs";
import { Http } from "./http.mjs";
import { ENDED } from "./inbox.mjs";
import { openSocket, webPubSubClient } from "./sockets.mjs";
import { Updates } from "./updates.mjs";
import { JobPoll, Watch } from "./watching.mjs";

export * from "./errors.mjs";
export { verifyCallback } from "./callbacks.mjs";

const FORMS = { json: "application/json", markdown: "text/markdown", html: "text/html" };

export class ContentArchitectClient {
  #http;
  #protocol;

  /** `baseUrl` without `/content-architect`; `apiKey`, or `getToken()` for a bearer token each time. */
  constructor({ protocol = "reliable", ...options }) {
    this.#http = new Http(options);
    this.#protocol = protocol;
  }

  /** Submit a request. It is one job however often it is sent: a key is made where none is given. */
  submit(request, { key = crypto.randomUUID(), wait } = {}) {
    const prefer = wait === undefined ? {} : { prefer: `wait=${Math.round(wait)}` };
    return this.#http.json("POST", "generate", { headers: { "idempotency-key": key, ...prefer }, body: request });
  }

  /** The job as it is. */
  job(jobId) {
    return this.#http.json("GET", `job/${encodeURIComponent(jobId)}`);
  }

  /** The job once it has ended, in whatever status. Throws TookTooLong after `within` seconds. */
  async wait(jobId, { within = Infinity } = {}) {
    const until = Date.now() + within * 1000;
    const poll = new JobPoll(this.#http, jobId);
    let job = await this.job(jobId);
    while (!ENDED.includes(job.status)) {
      const left = (until - Date.now()) / 1000;
      if (left <= 0) throw new TookTooLong(job);
      job = await poll.next(Math.min(20, Math.max(1, Math.floor(left))));
    }
    return job;
  }

  /** The result once there is one: the package, or its article as "markdown" or "html". Throws JobNotDone. */
  async result(jobId, { form = "json", within } = {}) {
    const job = await this.wait(jobId, { within });
    if (job.status !== "completed") throw new JobNotDone(job);
    const { text } = await this.#http.call("GET", `job/${encodeURIComponent(jobId)}/result`, { headers: { accept: FORMS[form] } });
    return form === "json" ? JSON.parse(text) : text;
  }

  /** The events of a job behind `after`, as they happen, each once and in order, until the job has ended. */
  watch(jobId, { after = 0, socket = true } = {}) {
    const open = socket ? (url) => openSocket(url, this.#protocol) : undefined;
    return new Watch({ http: this.#http, jobId, after, openSocket: open }).events();
  }

  /** One socket for many jobs: `on("JobUpdate", handler)`, `start()`, `invoke("SubscribeToJob", jobId)`. */
  updates() {
    return new Updates(this.#http, (getUrl) => webPubSubClient({ getClientAccessUrl: getUrl }, this.#protocol, true));
  }

  /** Ask a job to stop. */
  cancel(jobId) {
    return this.#http.json("POST", `job/${encodeURIComponent(jobId)}/cancel`);
  }

  /** Run a failed or cancelled job again, from its last finished step on. */
  retry(jobId, { fromScratch = false } = {}) {
    const query = fromScratch ? { fromScratch: true } : {};
    return this.#http.json("POST", `job/${encodeURIComponent(jobId)}/retry`, { query, repeatable: false });
  }

  /** All jobs that fit, newest first, page after page: `{ status: "failed", tag: "spring" }`. */
  async *list(filters = {}) {
    for (let query = filters; query; ) {
      const page = await this.#http.json("GET", "jobs", { query });
      yield* page.value;
      // Of nextLink only the cursor is taken: credentials go nowhere but to the configured address.
      const cursor = page.nextLink && new URL(page.nextLink).searchParams.get("cursor");
      query = cursor ? { ...filters, cursor } : undefined;
    }
  }
}
