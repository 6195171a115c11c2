// invoke("SubscribeToJob") and on("JobUpdate"): over a socket that comes and goes, and without one.
import assert from "node:assert/strict";
import test from "node:test";
import { SubscriptionRefused } from "../../../clients/js/errors.mjs";
import { Http } from "../../../clients/js/http.mjs";
import { Updates } from "../../../clients/js/updates.mjs";
import { BASE, JOB_ID, Service, event, wholeLog } from "./world.mjs";

class Socket {
  handlers = {};
  sent = [];

  constructor(getUrl, { answers = true, fails = false } = {}) {
    Object.assign(this, { getUrl, answers, fails });
  }

  on(name, handler) {
    this.handlers[name] = handler;
  }

  async start() {
    await this.getUrl();
    if (this.fails) throw Object.assign(new Error("no socket"), { retryable: true });
    this.handlers.connected();
  }

  async stop() {
    this.stopped = true;
  }

  async sendEvent(name, { jobId }, type) {
    this.sent.push([name, jobId, type]);
    const error = jobId === JOB_ID ? undefined : { code: "job_not_found", message: "no", retryable: false };
    if (this.answers) this.say({ event: name, jobId, subscribed: name === "SubscribeToJob", lastSequence: 1, ...(error && { error }) });
  }

  say(data) {
    this.handlers["server-message"]({ message: { data } });
  }

  tell(data) {
    this.handlers["group-message"]({ message: { data } });
  }
}

function start(service, socketOptions = [{}]) {
  const sockets = [];
  const naps = [];
  const sleep = () => new Promise((resolve) => naps.push(resolve));
  const http = new Http({ baseUrl: BASE, fetch: service.fetch, sleep, retry: { retries: 0 } });
  const updates = new Updates(http, (getUrl) => {
    const socket = new Socket(getUrl, socketOptions[sockets.length] ?? {});
    sockets.push(socket);
    return socket;
  });
  const seen = [];
  for (const name of ["JobUpdate", "JobEnded", "Connected", "Disconnected", "Error"]) updates.on(name, (value) => seen.push([name, value]));
  return { updates, sockets, seen, naps };
}

const calm = (events, told) => Object.assign(new Service({ events, decide: () => 0 }), { told });
const settled = () => new Promise((resolve) => setTimeout(resolve, 20));
const sequences = (seen) => seen.filter(([name]) => name === "JobUpdate").map(([, update]) => update.sequence);

test("a subscription answers with a snapshot and tells what was before and what comes", async () => {
  const service = calm(wholeLog(5), 2);
  const { updates, sockets, seen } = start(service);
  await updates.start();
  const snapshot = await updates.invoke("SubscribeToJob", JOB_ID);
  assert.deepEqual([snapshot.subscribed, sockets[0].sent], [true, [["SubscribeToJob", JOB_ID, "json"]]]);
  await settled();
  assert.deepEqual(sequences(seen), [1, 2]);

  service.told = 4;
  sockets[0].tell(event(4)); // 3 was lost
  sockets[0].tell(event(4)); // and this one comes twice
  sockets[0].tell({ ...event(9), jobId: "another" });
  sockets[0].tell({ ...event(undefined, "progress_update", { percentage: 60 }), ephemeral: true });
  await settled();
  service.told = 5;
  sockets[0].tell(event(5, "result_ready", { status: "completed" }));
  await settled();
  assert.deepEqual(sequences(seen), [1, 2, 3, 4, undefined, 5]);
  assert.deepEqual(seen.at(-1), ["JobEnded", service.job]);
});

test("a refused subscription is an error that says why", async () => {
  const { updates } = start(calm(wholeLog(3), 1));
  await updates.start();
  await assert.rejects(updates.invoke("SubscribeToJob", "another"), (error) => error instanceof SubscriptionRefused && error.code === "job_not_found");
  await assert.rejects(updates.invoke("Shout", JOB_ID), TypeError);
});

test("after a reconnection subscriptions are renewed and the gap is filled", async () => {
  const service = calm(wholeLog(6), 1);
  const { updates, sockets, seen } = start(service);
  await updates.start();
  await updates.invoke("SubscribeToJob", JOB_ID);
  await settled();
  sockets[0].handlers.disconnected({ message: { message: "gone" } });
  service.told = 4;
  sockets[0].handlers.connected();
  await settled();
  assert.equal(sockets[0].sent.length, 2);
  assert.deepEqual(sequences(seen), [1, 2, 3, 4]);
  await updates.stop();
  assert.ok(sockets[0].stopped);
});

test("without a socket the log is polled, until one can be had", async () => {
  const service = calm(wholeLog(4), 1);
  const { updates, sockets, seen, naps } = start(service, [{ fails: true }]);
  await updates.start();
  assert.equal((await updates.invoke("SubscribeToJob", JOB_ID)).job.sequence, 1);
  await settled();
  service.told = 2;
  const [again, ...polls] = naps.splice(0);
  polls.forEach((wake) => wake());
  await settled();
  assert.deepEqual(sequences(seen), [1, 2]);
  again();
  await settled();
  assert.equal(sockets.length, 2);
  assert.deepEqual(sockets[1].sent, [["SubscribeToJob", JOB_ID, "json"]], "a new connection is in no group yet");
  service.told = 4;
  sockets[1].tell(event(4, "result_ready", { status: "completed" }));
  await settled();
  assert.deepEqual(sequences(seen), [1, 2, 3, 4]);
  naps.splice(0).forEach((wake) => wake());
});

test("what was unsubscribed is told no more", async () => {
  const service = calm(wholeLog(4), 1);
  const { updates, sockets, seen } = start(service);
  await updates.start();
  await updates.invoke("SubscribeToJob", JOB_ID);
  await settled();
  assert.equal((await updates.invoke("UnsubscribeFromJob", JOB_ID)).subscribed, false);
  service.told = 2;
  sockets[0].tell(event(2));
  await settled();
  assert.deepEqual(sequences(seen), [1]);
});
