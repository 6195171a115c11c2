// The JavaScript client without a network.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import test from "node:test";
import { ApiError, CallbackRefused, ContentArchitectClient, JobNotDone, NoAnswer, TookTooLong, verifyCallback } from "../../../clients/js/index.mjs";
import { Http, retryAfter } from "../../../clients/js/http.mjs";
import { Watch } from "../../../clients/js/watching.mjs";
import { BASE, JOB_ID, Service, chances, event, json, problem, wholeLog } from "./world.mjs";

function wire(...answers) {
  const requests = [];
  const slept = [];
  const options = {
    baseUrl: BASE,
    retry: { chance: () => 1 },
    sleep: async (seconds) => slept.push(seconds),
    fetch: async (url, request) => {
      requests.push({ url: String(url), ...request });
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  return { client: (more) => new ContentArchitectClient({ ...options, ...more }), requests, slept };
}

const job = (status, sequence = 1) => ({ jobId: JOB_ID, status, sequence, message: "made up" });
const refused = () => new TypeError("fetch failed");

test("a submission keeps its key when it is sent again, and waits as told", async () => {
  const busy = json({}, 503, { "retry-after": "7" });
  const service = wire(refused(), busy, json(job("queued")));
  await service.client({ apiKey: "ca_1" }).submit({ topic: "T" }, { wait: 12 });
  assert.deepEqual(service.slept, [0.5, 7]);
  assert.equal(new Set(service.requests.map((request) => request.headers["idempotency-key"])).size, 1);
  const [{ url, method, headers, body, redirect }] = service.requests;
  assert.deepEqual([url, method, body, redirect], [`${BASE}/content-architect/generate`, "POST", '{"topic":"T"}', "manual"]);
  assert.deepEqual([headers["x-api-key"], headers.prefer], ["ca_1", "wait=12"]);
});

test("it gives up after five tries and says what came", async () => {
  const service = wire(...Array.from({ length: 5 }, () => problem(503, "storage_unavailable")));
  await assert.rejects(service.client().job(JOB_ID), { status: 503, code: "storage_unavailable", retryable: true, traceId: "t" });
  assert.deepEqual(service.slept, [0.5, 1, 2, 4]);
  await assert.rejects(wire(...Array.from({ length: 5 }, refused)).client().job(JOB_ID), NoAnswer);
});

test("a retry is repeated only where nothing was done", async () => {
  for (const trouble of [refused(), problem(503, "storage_unavailable")]) {
    const service = wire(trouble, json(job("queued")));
    await assert.rejects(service.client().retry(JOB_ID), (error) => error.retryable);
    assert.equal(service.requests.length, 1);
  }
  assert.equal((await wire(problem(429, "rate_limited"), json(job("queued"))).client().retry(JOB_ID)).status, "queued");
});

test("Retry-After is a number or a date, and a minute at most", async () => {
  const now = Date.parse("2026-11-22T12:00:00Z");
  assert.deepEqual(
    ["7", "Sun, 22 Nov 2026 12:00:30 GMT", "Sun, 22 Nov 2020 12:00:30 GMT", "rubbish", null].map((text) => retryAfter(text, now)),
    [7, 30, 0, undefined, undefined],
  );
  const service = wire(json({}, 429, { "retry-after": "86400" }), json(job("queued")));
  await service.client().job(JOB_ID);
  assert.deepEqual(service.slept, [60]);
});

test("errors name the fields; redirects, pages of proxies and lists are no jobs", async () => {
  const wrong = json({ code: "invalid_request", detail: "no", errors: [{ pointer: "/topic", detail: "is required" }] }, 422);
  await assert.rejects(wire(wrong).client().submit({}), /\/topic: is required/);
  for (const strange of [new Response("<h1>Log in</h1>"), json([]), new Response(null, { status: 302 })]) {
    await assert.rejects(wire(strange).client().job(JOB_ID), { code: "unknown" });
  }
});

test("an id stays one segment of the path", async () => {
  const service = wire(json(job("queued")));
  await service.client().job("../apikeys?x=1#y");
  assert.equal(service.requests[0].url, `${BASE}/content-architect/job/..%2Fapikeys%3Fx%3D1%23y`);
});

test("a credential never goes over an open wire", () => {
  assert.throws(() => new ContentArchitectClient({ baseUrl: "http://api.example.org", apiKey: "k" }), /https/);
  assert.throws(() => new ContentArchitectClient({ baseUrl: "ftp://api.example.org" }), /https/);
  assert.ok(new ContentArchitectClient({ baseUrl: "http://127.0.0.1:7071", apiKey: "k" }));
});

test("waiting asks for news alone and takes the pauses that it is told", async () => {
  const running = json(job("processing"), 200, { etag: '"1"', "retry-after": "3" });
  const unchanged = new Response(null, { status: 304, headers: { etag: '"1"', "retry-after": "0" } });
  const service = wire(json(job("queued")), running, unchanged, json(job("completed", 9)));
  assert.equal((await service.client().wait(JOB_ID)).sequence, 9);
  assert.deepEqual(service.slept, [3, 0]);
  assert.deepEqual(service.requests.map((request) => request.headers["if-none-match"]), [undefined, undefined, '"1"', '"1"']);
});

test("a time that is over is an error, and so is a job without a result", async () => {
  await assert.rejects(wire(json(job("queued"))).client().wait(JOB_ID, { within: 0 }), TookTooLong);
  const failed = { ...job("failed"), error: { code: "worker_lost", message: "gone", retryable: true } };
  await assert.rejects(wire(json(failed)).client().result(JOB_ID), (error) => error instanceof JobNotDone && error.retryable);
});

test("results come in three forms", async () => {
  for (const [form, accept, value] of [["json", "application/json", { a: 1 }], ["markdown", "text/markdown", "# A"], ["html", "text/html", "<p>"]]) {
    const service = wire(json(job("completed")), form === "json" ? json(value) : new Response(value));
    assert.deepEqual(await service.client().result(JOB_ID, { form }), value);
    assert.equal(service.requests[1].headers.accept, accept);
  }
});

test("a listing goes on by cursor at the address it was given", async () => {
  const nextLink = "https://evil.example/content-architect/jobs?cursor=abc";
  const service = wire(json({ value: [1], nextLink }), json({ value: [2] }));
  const found = [];
  for await (const item of service.client().list({ status: "failed" })) found.push(item);
  assert.deepEqual(found, [1, 2]);
  assert.equal(service.requests[1].url, `${BASE}/content-architect/jobs?status=failed&cursor=abc`);
});

// ---------------------------------------------------------------- watching

async function watched(service, options) {
  const http = new Http({ baseUrl: BASE, retry: { chance: () => 1 }, fetch: service.fetch, sleep: service.sleep });
  const emitted = [];
  const events = new Watch({ http, jobId: JOB_ID, page: service.page, openSocket: service.openSocket, ...options }).events();
  for (;;) {
    const { value, done } = await events.next();
    if (done) return { emitted, job: value };
    emitted.push(value);
  }
}

const durable = (events) => events.filter((each) => each.sequence !== undefined).map((each) => each.sequence);
const numbers = (count) => Array.from({ length: count }, (_, index) => index + 1);

function troubled(seed) {
  const chance = chances(seed);
  const pick = (values) => values[Math.floor(chance() * values.length)];
  let decisions = 0;
  let troubles = 0;
  return (kind) => {
    const calm = (decisions += 1) > 60; // in the end all is well, and the job goes on
    if (kind === "sleep") return calm ? 1 : pick([0, 1, 2]);
    if (kind === "open") return calm || chance() < 0.5;
    if (kind === "receive") return calm ? "next" : pick(["next", "next", "lose one", "old", "cut", "quiet", "progress"]);
    if (calm || chance() > 0.25 || (troubles += 1) % 5 > 2) return undefined;
    return pick([refused, () => problem(503, "storage_unavailable"), () => problem(503, "realtime_unavailable"), () => problem(502, "x")])();
  };
}

test("any schedule of cuts, repeats and gaps gives each event once and in order", async () => {
  for (let seed = 1; seed <= 400; seed += 1) {
    const count = 2 + (seed % 8);
    const service = new Service({ events: wholeLog(count), decide: troubled(seed), page: seed % 2 ? 2 : 500 });
    const { emitted, job: end } = await watched(service, seed % 3 ? {} : { openSocket: undefined });
    assert.deepEqual(durable(emitted), numbers(count), `seed ${seed}`);
    assert.equal(end.status, "completed", `seed ${seed}`);
    assert.ok(!service.open, `seed ${seed} leaves a socket open`);
  }
});

test("a job that failed and was retried is watched to its last end", async () => {
  const events = [event(1, "status_change", { status: "queued" }), event(2, "error", { status: "failed" })];
  events.push(event(3, "status_change", { status: "queued" }), event(4, "result_ready", { status: "completed" }));
  let calls = 0;
  const service = new Service({ events, decide: (kind) => (kind === "sleep" && (calls += 1) > 4 ? 1 : 0) });
  service.told = 3;
  const { emitted, job: end } = await watched(service, { openSocket: undefined });
  assert.deepEqual([durable(emitted), end.status], [[1, 2, 3, 4], "completed"]);
});

test("a job that is not there is an error at once", async () => {
  const service = new Service({ events: wholeLog(3), decide: (kind) => (kind === "answer" ? problem(404, "job_not_found") : 0) });
  await assert.rejects(watched(service), (error) => error instanceof ApiError && error.status === 404);
  assert.equal(service.requests.length, 1);
});

// ---------------------------------------------------------------- callbacks

const secret = `whsec_${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`;
const other = `whsec_${Buffer.from("fedcba9876543210fedcba9876543210").toString("base64")}`;
const body = JSON.stringify({ type: "job.result_ready", data: { é: 1 } });
const NOW = 1_795_000_000;

function signed(...secrets) {
  const sign = (each) => createHmac("sha256", Buffer.from(each.slice(6), "base64")).update(`job.7.${NOW}.${body}`).digest("base64");
  return { "Webhook-Id": "job.7", "webhook-timestamp": String(NOW), "webhook-signature": secrets.map((each) => `v1,${sign(each)}`).join(" ") };
}

test("what the service signed is believed, with either secret while one is replaced", async () => {
  assert.equal((await verifyCallback(secret, signed(secret), body, NOW)).type, "job.result_ready");
  assert.ok(await verifyCallback(secret, new Headers(signed(secret)), Buffer.from(body), NOW));
  assert.ok(await verifyCallback(other, signed(secret, other), body, NOW));
  assert.ok(await verifyCallback([other, secret], signed(secret), body, NOW + 299));
});

test("changed, late and unsigned callbacks are refused", async () => {
  const changed = [{ "Webhook-Id": "job.8" }, { "webhook-timestamp": String(NOW + 1) }, { "webhook-timestamp": "soon" }];
  changed.push({ "webhook-signature": "" }, { "webhook-signature": "v1,AAAA" }, { "webhook-signature": `v2,${"A".repeat(43)}=` });
  for (const change of changed) await assert.rejects(verifyCallback(secret, { ...signed(secret), ...change }, body, NOW), CallbackRefused);
  for (const late of [-301, 301]) await assert.rejects(verifyCallback(secret, signed(secret), body, NOW + late), CallbackRefused);
  for (const name of Object.keys(signed(secret))) {
    const { [name]: _, ...rest } = signed(secret);
    await assert.rejects(verifyCallback(secret, rest, body, NOW), /missing/);
  }
  await assert.rejects(verifyCallback(secret, signed(secret), `${body} `, NOW), /no signature fits/);
  await assert.rejects(verifyCallback(other, signed(secret), body, NOW), /no signature fits/);
  await assert.rejects(verifyCallback("whsec_!", signed(secret), body, NOW), TypeError);
});
