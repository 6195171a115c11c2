// One socket for many jobs, with the calls `invoke("SubscribeToJob", jobId)` and `on("JobUpdate", handler)`.
import { ContentArchitectError, SubscriptionRefused } from "./errors.mjs";
import { Inbox } from "./inbox.mjs";
import { endedJob, missed } from "./watching.mjs";

const ANSWER_SECONDS = 10;
const POLL_SECONDS = 2;
const QUIET_MS = 15_000; // a socket can be dead without saying so: after so long the log is asked

/**
 * Updates of jobs that were subscribed to, each once and in order per job. The socket is negotiated anew when it is
 * lost, subscriptions are renewed and gaps filled from the log; while there is no socket, the log is polled.
 */
export class Updates {
  #http;
  #connect;
  #handlers = new Map();
  #jobs = new Map();
  #answers = new Map();
  #client;
  #socket; // the client, while it is connected
  #polling = false;
  #stopped = false;
  #heard = 0;
  #watchdog;

  /** `connect(getUrl)` gives `{start(), stop(), on(name, handler), sendEvent(name, data, type)}`. */
  constructor(http, connect) {
    this.#http = http;
    this.#connect = connect;
  }

  /** "JobUpdate" (an event), "Connected", "Disconnected" (a reason), "JobEnded" (the job), "Error". Returns this. */
  on(name, handler) {
    this.#handlers.set(name, [...(this.#handlers.get(name) ?? []), handler]);
    return this;
  }

  /** Connect, or poll while there is no socket to be had. */
  async start() {
    this.#watchdog ??= setInterval(() => this.#distrust(), QUIET_MS / 3);
    this.#watchdog.unref?.();
    const client = this.#connect(async () => (await this.#http.json("POST", "realtime/negotiate", { retries: 0 })).url);
    client.on("connected", () => this.#connected(client));
    client.on("disconnected", ({ message } = {}) => this.#disconnected(message?.message ?? ""));
    client.on("stopped", () => this.#restart());
    client.on("server-message", ({ message }) => this.#told(message.data));
    client.on("group-message", ({ message }) => this.#told(message.data));
    try {
      await client.start();
      this.#client = client;
      if (this.#stopped) await this.stop();
    } catch (error) {
      if (!(error instanceof ContentArchitectError) || error.retryable) this.#disconnected(String(error));
      else throw error;
      this.#restart();
    }
    return this;
  }

  /** Close the socket; nothing is told any more. */
  async stop() {
    this.#stopped = true;
    clearInterval(this.#watchdog);
    this.#jobs.clear();
    await this.#client?.stop();
  }

  /** `SubscribeToJob` answers with a snapshot of the job, `UnsubscribeFromJob` with what is subscribed still. */
  async invoke(name, jobId) {
    if (name === "UnsubscribeFromJob") {
      this.#jobs.delete(jobId);
      return this.#socket ? this.#ask(name, jobId) : { event: name, jobId, subscribed: false };
    }
    if (name !== "SubscribeToJob") throw new TypeError("SubscribeToJob and UnsubscribeFromJob are what there is");
    const answer = this.#socket ? await this.#ask(name, jobId) : await this.#look(jobId);
    if (!this.#jobs.has(jobId)) this.#jobs.set(jobId, { inbox: new Inbox(), line: Promise.resolve() });
    this.#line(jobId, (job) => this.#catchUp(jobId, job));
    if (!this.#socket) this.#poll();
    return answer;
  }

  async #ask(name, jobId) {
    const answered = new Promise((resolve, reject) => {
      const late = () => reject(new SubscriptionRefused({ code: "no_answer", message: "no answer in time", retryable: true }));
      const timer = setTimeout(late, ANSWER_SECONDS * 1000);
      this.#answers.set(`${name} ${jobId}`, (answer) => {
        clearTimeout(timer);
        if (answer.error) reject(new SubscriptionRefused(answer.error));
        else resolve(answer);
      });
    });
    answered.catch(() => {}); // it is awaited below, unless sending fails first
    await this.#socket.sendEvent(name, { jobId }, "json");
    return answered;
  }

  async #look(jobId) {
    const job = await this.#http.json("GET", `job/${encodeURIComponent(jobId)}`);
    return { event: "SubscribeToJob", jobId, subscribed: true, lastSequence: job.sequence, job };
  }

  #told(message) {
    this.#heard = Date.now();
    if (message?.event !== "JobUpdate") {
      const key = `${message?.event} ${message?.jobId}`;
      this.#answers.get(key)?.(message);
      this.#answers.delete(key);
      return;
    }
    this.#line(message.jobId, async (job) => {
      const what = job.inbox.offer(message);
      if (what === "gap") await this.#catchUp(message.jobId, job);
      if (what === "take") this.#emit("JobUpdate", message);
      if (what === "take" && message.data.status && message.type !== "step_completed") await this.#ended(message.jobId, job);
    });
  }

  /** One thing after the other for each job, so that its events stay in order. */
  #line(jobId, work) {
    const job = this.#jobs.get(jobId);
    if (!job) return;
    job.line = job.line.then(async () => {
      if (this.#jobs.get(jobId) !== job) return;
      try {
        await work(job);
      } catch (error) {
        this.#emit("Error", error);
      }
    });
  }

  /** How many events the log had that the socket has not told. */
  async #catchUp(jobId, job) {
    let count = 0;
    for await (const event of missed(this.#http, jobId, job.inbox)) {
      count += 1;
      this.#emit("JobUpdate", event);
    }
    await this.#ended(jobId, job);
    return count;
  }

  /** A quiet socket that has missed something is dead: stop it, which brings another one. */
  #distrust() {
    if (!this.#socket || Date.now() - this.#heard < QUIET_MS) return;
    this.#heard = Date.now();
    const socket = this.#socket;
    for (const jobId of this.#jobs.keys()) {
      this.#line(jobId, async (job) => {
        const silent = Date.now();
        if ((await this.#catchUp(jobId, job)) && socket === this.#socket && this.#heard <= silent) await socket.stop();
      });
    }
  }

  async #ended(jobId, job) {
    const view = await endedJob(this.#http, jobId, job.inbox);
    if (!view) return;
    this.#jobs.delete(jobId);
    this.#emit("JobEnded", view);
  }

  #connected(client) {
    this.#socket = client; // here, because it may be said before `start` has come back
    this.#heard = Date.now();
    this.#polling = false;
    this.#emit("Connected");
    for (const jobId of this.#jobs.keys()) {
      // A new connection is in no group yet.
      this.#ask("SubscribeToJob", jobId).catch((error) => this.#emit("Error", error));
      this.#line(jobId, (job) => this.#catchUp(jobId, job));
    }
  }

  #disconnected(reason) {
    this.#socket = undefined;
    this.#emit("Disconnected", reason);
    this.#poll();
  }

  /** The client has given up on this socket: negotiate another one, after a while. */
  async #restart() {
    this.#socket = undefined;
    if (this.#stopped) return;
    await this.#http.sleep(this.#http.backoff(4));
    if (!this.#stopped) await this.start().catch((error) => this.#emit("Error", error));
  }

  async #poll() {
    if (this.#polling) return;
    this.#polling = true;
    while (this.#polling && !this.#stopped && this.#jobs.size > 0) {
      for (const jobId of this.#jobs.keys()) this.#line(jobId, (job) => this.#catchUp(jobId, job));
      await Promise.all([...this.#jobs.values()].map((job) => job.line));
      await this.#http.sleep(POLL_SECONDS);
    }
    this.#polling = false;
  }

  #emit(name, value) {
    for (const handler of this.#handlers.get(name) ?? []) handler(value);
  }
}
