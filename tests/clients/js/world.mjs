// A made-up service: answers fetch as a test decides, and tells a job's events one by one.
export const JOB_ID = "0193a1b2-7c4d-7e5f-8a9b-0c1d2e3f4a5b";
export const BASE = "https://api.example.org";

export function event(sequence, type = "step_completed", data = {}) {
  const told = type === "step_completed" ? { status: "completed", ...data } : data;
  return { event: "JobUpdate", type, jobId: JOB_ID, sequence, timestamp: "2026-11-22T12:00:00.000Z", data: told };
}

/** A job's events from acceptance to its result. */
export function wholeLog(count) {
  const steps = Array.from({ length: count - 2 }, (_, index) => event(index + 2));
  return [event(1, "status_change", { status: "queued" }), ...steps, event(count, "result_ready", { status: "completed" })];
}

export const json = (value, status = 200, headers = {}) => new Response(JSON.stringify(value), { status, headers });
export const problem = (status, code) => json({ status, code, detail: "made up", errors: [], traceId: "t" }, status);

/** Repeatable chance: mulberry32. */
export function chances(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** The job, its log, and a socket; `decide(kind)` says what happens. */
export class Service {
  told = 1;
  requests = [];
  open = false;

  constructor({ events, decide, page = 500 }) {
    this.events = events;
    this.decide = decide;
    this.page = page;
    this.fetch = (url, options) => this.#answer(new URL(url), options);
    this.sleep = async () => this.tell(this.decide("sleep"));
    this.openSocket = async () => this.#socket();
  }

  tell(count = 1) {
    this.told = Math.min(this.events.length, this.told + count);
  }

  get job() {
    const last = this.events[this.told - 1];
    const over = ["result_ready", "error"].includes(last.type);
    return { jobId: JOB_ID, status: over ? last.data.status : "processing", sequence: this.told, message: "made up" };
  }

  async #answer(url, { method, headers, body }) {
    this.requests.push({ method, path: url.pathname, query: Object.fromEntries(url.searchParams), headers, body });
    const trouble = this.decide("answer");
    if (trouble instanceof Error) throw trouble;
    if (trouble) return trouble;
    if (url.pathname.endsWith("/negotiate")) return json({ url: "wss://made.up" });
    if (url.pathname.endsWith("/events")) {
      const after = Number(url.searchParams.get("after"));
      return json({ value: this.events.slice(after, Math.min(this.told, after + this.page)) });
    }
    this.tell(this.decide("sleep"));
    return json(this.job, 200, { etag: `"${this.told}"`, "retry-after": "0" });
  }

  #socket() {
    if (!this.decide("open")) return undefined;
    this.open = true;
    return {
      receive: async () => {
        if (!this.open) throw new Error("nobody listens to a socket that is gone");
        return this.#receive();
      },
      close: async () => {
        this.open = false;
      },
    };
  }

  #receive() {
    const what = this.decide("receive");
    if (what === "cut") return null;
    if (what === "quiet") return undefined;
    if (what === "progress") return { ...event(undefined, "progress_update", { percentage: 5 }), ephemeral: true };
    if (what === "old") return this.events[Math.max(0, this.told - 2)];
    if (what === "lose one") this.tell();
    this.tell();
    return this.events[this.told - 1];
  }
}
