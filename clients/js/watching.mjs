// Watching a job: over a socket where there is one, by polling where there is none; each event once and in order.
import { ApiError, ContentArchitectError } from "./errors.mjs";
import { parsed } from "./http.mjs";
import { ENDED, Inbox, ends } from "./inbox.mjs";

const QUIET_SECONDS = 15; // a socket can be dead without saying so: after so long the log is asked
const POLLS_BETWEEN_SOCKETS = 3;
const LONG_POLL = 20;
const PAGE = 500;

/** The long poll of one job, which answers at the first news; keeps what was seen last. */
export class JobPoll {
  #tag = "";

  constructor(http, jobId) {
    this.http = http;
    this.jobId = jobId;
  }

  async next(seconds = LONG_POLL) {
    const headers = this.#tag ? { "if-none-match": this.#tag } : {};
    const answer = await this.http.call("GET", `job/${encodeURIComponent(this.jobId)}`, { query: { wait: seconds }, headers });
    this.#tag = answer.headers.get("etag") ?? "";
    if (answer.status === 200) this.job = parsed(answer);
    if (!ENDED.includes(this.job.status)) await this.http.sleep(this.http.pauseOf(answer, 2));
    return this.job;
  }
}

/** Log entries of a job behind `inbox.last`, as they are handed on. */
export async function* missed(http, jobId, inbox, page = PAGE) {
  for (let full = true; full; ) {
    const { value } = await http.json("GET", `job/${encodeURIComponent(jobId)}/events`, { query: { after: inbox.last } });
    full = value.length >= page;
    for (const event of value) if (inbox.take(event)) yield event;
  }
}

/** The job, if it has ended and nothing of it is missing: a retried one has more than one last event. */
export async function endedJob(http, jobId, inbox) {
  const job = await http.json("GET", `job/${encodeURIComponent(jobId)}`);
  return ENDED.includes(job.status) && job.sequence <= inbox.last ? job : undefined;
}

export class Watch {
  #lost = 0;
  #ended;

  /** `openSocket(url)` gives `{receive(seconds), close()}`, or undefined where there is no socket to be had. */
  constructor({ http, jobId, after = 0, openSocket, page = PAGE }) {
    this.http = http;
    this.jobId = jobId;
    this.inbox = new Inbox(after);
    this.openSocket = openSocket;
    this.page = page;
  }

  /** Yields events until the job has ended; returns the job. */
  async *events() {
    while (!this.#ended) {
      const socket = this.openSocket && (await this.#connect());
      yield* socket ? this.#overSocket(socket) : this.#byPolling();
    }
    return this.#ended;
  }

  async #connect() {
    try {
      const { url } = await this.http.json("POST", `job/${encodeURIComponent(this.jobId)}/negotiate`, { retries: 0 });
      return await this.openSocket(url);
    } catch (error) {
      const refused = error instanceof ApiError && [401, 403, 404].includes(error.status);
      if (refused || !(error instanceof ContentArchitectError)) throw error;
      return undefined;
    }
  }

  async *#overSocket(socket) {
    try {
      yield* this.#catchUp(true); // what happened before the socket was open is in the log alone
      while (!this.#ended) {
        const event = await socket.receive(QUIET_SECONDS);
        if (event === null) {
          this.#lost += 1;
          await this.http.sleep(this.http.backoff(Math.min(this.#lost, 6)));
          return;
        }
        if (event === undefined) yield* this.#catchUp(true);
        else if (event.event === "JobUpdate" && event.jobId === this.jobId) yield* this.#receive(event);
      }
    } finally {
      await socket.close();
    }
  }

  async *#receive(event) {
    const what = this.inbox.offer(event);
    if (what === "gap") yield* this.#catchUp(false);
    if (what !== "take") return;
    this.#lost = 0;
    yield event;
    if (ends(event)) this.#ended = await endedJob(this.http, this.jobId, this.inbox);
  }

  async *#byPolling() {
    const poll = new JobPoll(this.http, this.jobId);
    for (let turn = 0; turn < POLLS_BETWEEN_SOCKETS && !this.#ended; turn += 1) {
      yield* this.#catchUp(true);
      if (!this.#ended) await poll.next();
    }
  }

  /** `look` at the job in any case, since its last event may have been handed on before. */
  async *#catchUp(look) {
    let asked = look;
    for await (const event of missed(this.http, this.jobId, this.inbox, this.page)) {
      asked ||= ends(event);
      yield event;
    }
    if (asked) this.#ended = await endedJob(this.http, this.jobId, this.inbox);
  }
}
