// Cases for the unmodified JavaScript SDK. Prints one line of JSON for each: {"case", "error"}; error is null when it passed.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(process.env.PACKAGE_ROOT + "/");
const { ServiceBusClient } = require("@azure/service-bus");

const queue = "node";
const client = new ServiceBusClient(process.env.CONNECTION_STRING, { retryOptions: { maxRetries: 0 } });
const sender = client.createSender(queue);
const receiver = client.createReceiver(queue);
const dead = client.createReceiver(queue, { subQueueType: "deadLetter" });

async function receive(count = 1, from = receiver) {
  const found = [];
  for (let tries = 0; found.length < count && tries < 10; tries++) {
    found.push(...(await from.receiveMessages(count - found.length, { maxWaitTimeInMs: 2000 })));
  }
  assert.equal(found.length, count);
  return found;
}

async function one(from = receiver) {
  return (await receive(1, from))[0];
}

const cases = {
  async "a message from Python arrives with its properties and is answered"() {
    const message = await one(client.createReceiver("node-from-python"));
    assert.equal(message.body.toString(), "from python");
    assert.equal(message.applicationProperties.tenant, "local");
    assert.equal(message.messageId, "py-1");
    await client.createSender("node-to-python").sendMessages({ body: "from js", messageId: "js-1" });
  },

  async "a single message and a batch keep body, properties and order"() {
    await sender.sendMessages({ body: { n: 1 }, applicationProperties: { when: new Date(5), big: 2 ** 40 }, subject: "s" });
    const batch = await sender.createMessageBatch();
    for (let n = 2; n < 12; n++) assert.ok(batch.tryAddMessage({ body: { n } }));
    await sender.sendMessages(batch);
    const messages = await receive(11);
    assert.deepEqual(messages.map((message) => message.body.n), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    const { applicationProperties, subject, deliveryCount } = messages[0];
    assert.equal(applicationProperties.when, 5);
    assert.deepEqual([applicationProperties.big, subject, deliveryCount], [2 ** 40, "s", 0]);
    for (const message of messages) await receiver.completeMessage(message);
  },

  async "an abandoned message takes new properties and ends as a dead letter"() {
    await sender.sendMessages({ body: "poison" });
    await receiver.abandonMessage(await one(), { attempt: "first" });
    const again = await one();
    assert.deepEqual([again.deliveryCount, again.applicationProperties.attempt], [1, "first"]);
    await receiver.abandonMessage(again);
    const letter = await one(dead);
    assert.equal(letter.deadLetterReason, "MaxDeliveryCountExceeded");
    await dead.completeMessage(letter);
  },

  async "a dead letter names its reason and keeps added properties"() {
    await sender.sendMessages({ body: "bad" });
    await receiver.deadLetterMessage(await one(), {
      deadLetterReason: "Malformed",
      deadLetterErrorDescription: "no JSON",
      audit: 7,
    });
    const letter = await one(dead);
    assert.deepEqual([letter.deadLetterReason, letter.deadLetterErrorDescription], ["Malformed", "no JSON"]);
    assert.equal(letter.applicationProperties.audit, 7);
    await dead.completeMessage(letter);
  },

  async "a deferred message is received by number, once"() {
    await sender.sendMessages({ body: "later" });
    const message = await one();
    await receiver.deferMessage(message);
    const [deferred] = await receiver.receiveDeferredMessages(message.sequenceNumber);
    assert.equal(deferred.body, "later");
    await receiver.completeMessage(deferred);
    await assert.rejects(receiver.receiveDeferredMessages(message.sequenceNumber), { code: "MessageNotFound" });
  },

  async "scheduled messages can be peeked and cancelled, or arrive with a new number"() {
    const far = new Date(Date.now() + 3_600_000);
    const numbers = await sender.scheduleMessages([{ body: "a" }, { body: "b" }], far);
    const [peeked] = await receiver.peekMessages(1, { fromSequenceNumber: numbers[1] });
    assert.deepEqual([peeked.body, peeked.state], ["b", "scheduled"]);
    await sender.cancelScheduledMessages(numbers);
    await assert.rejects(sender.cancelScheduledMessages(numbers), { code: "MessageNotFound" });
    const [number] = await sender.scheduleMessages({ body: "soon" }, new Date(Date.now() + 300));
    const message = await one();
    assert.ok(message.sequenceNumber.gt(number));
    await receiver.completeMessage(message);
  },

  async "a lock can be renewed, and a lost one is told"() {
    await sender.sendMessages({ body: "long" });
    const message = await one();
    const before = message.lockedUntilUtc;
    assert.ok((await receiver.renewMessageLock(message)) > before);
    await receiver.completeMessage(message);
    await assert.rejects(receiver.renewMessageLock(message), { code: "MessageLockLost" });
  },

  async "a subscription keeps a slow message alive beyond its lock"() {
    await client.createSender("node-short-locks").sendMessages({ body: "slow" });
    const slow = client.createReceiver("node-short-locks");
    const counts = await new Promise((resolve, reject) => {
      const seen = [];
      slow.subscribe({
        async processMessage(message) {
          seen.push(message.deliveryCount);
          await new Promise((done) => setTimeout(done, 2500));
          setTimeout(() => resolve(seen), 100);
        },
        async processError(failure) {
          reject(failure.error);
        },
      });
    });
    assert.deepEqual(counts, [0]);
    await slow.close();
  },

  async "a large message arrives whole and a larger one is refused"() {
    await sender.sendMessages({ body: "x".repeat(200_000) });
    const message = await one();
    assert.equal(message.body.length, 200_000);
    await receiver.completeMessage(message);
    await assert.rejects(sender.sendMessages({ body: "x".repeat(270_000) }), { code: "MessageSizeExceeded" });
  },

  async "values, sequences and binary data survive"() {
    await sender.sendMessages({ bodyType: "value", body: { n: [1, "two", null] } });
    await sender.sendMessages({ bodyType: "sequence", body: [[1, 2], ["three"]] });
    await sender.sendMessages({ body: Buffer.from([0, 255]) });
    const [value, sequence, binary] = await receive(3);
    assert.deepEqual(value.body, { n: [1, "two", null] });
    assert.deepEqual(sequence.body, [[1, 2], ["three"]]);
    assert.deepEqual([...binary.body], [0, 255]);
    for (const message of [value, sequence, binary]) await receiver.completeMessage(message);
  },

  async "a dead letter can be peeked, renewed and abandoned"() {
    await sender.sendMessages({ body: "bad", messageId: "dead-1" });
    await receiver.deadLetterMessage(await one(), { deadLetterReason: "Malformed" });
    const [peeked] = await dead.peekMessages(5);
    assert.equal(peeked.messageId, "dead-1");
    const letter = await one(dead);
    const before = letter.lockedUntilUtc;
    await new Promise((done) => setTimeout(done, 2)); // times of the wire are whole milliseconds
    assert.ok((await dead.renewMessageLock(letter)) > before);
    await dead.abandonMessage(letter);
    const again = await one(dead);
    assert.equal(again.deliveryCount, 1);
    await dead.completeMessage(again);
  },

  async "an expired message is a dead letter and a repeated id is dropped"() {
    const strict = client.createSender("strict-node");
    await strict.sendMessages({ body: "late", timeToLive: 200 });
    const buried = client.createReceiver("strict-node", { subQueueType: "deadLetter" });
    const letter = await one(buried);
    assert.deepEqual([letter.body, letter.deadLetterReason], ["late", "TTLExpiredException"]);
    await buried.completeMessage(letter);
    await strict.sendMessages({ body: "first", messageId: "same" });
    await strict.sendMessages([{ body: "second", messageId: "same" }, { body: "other", messageId: "other" }]);
    const living = client.createReceiver("strict-node");
    const messages = await receive(2, living);
    assert.deepEqual(messages.map((message) => message.body), ["first", "other"]);
    for (const message of messages) await living.completeMessage(message);
  },

  async "three competing consumers get every message once"() {
    const bodies = Array.from({ length: 30 }, (_, n) => n);
    await sender.sendMessages(bodies.map((body) => ({ body })));
    const seen = [];
    const consumers = [1, 2, 3].map(() => client.createReceiver(queue));
    await new Promise((resolve, reject) => {
      for (const consumer of consumers) {
        consumer.subscribe({
          async processMessage(message) {
            seen.push(message.body);
            if (seen.length >= bodies.length) setTimeout(resolve, 100);
          },
          async processError(failure) {
            reject(failure.error);
          },
        });
      }
    });
    for (const consumer of consumers) await consumer.close();
    assert.deepEqual(seen.sort((a, b) => a - b), bodies);
  },

  async "settling after its receiver was closed takes the way over management"() {
    await sender.sendMessages({ body: "held" });
    const first = client.createReceiver(queue);
    const [message] = await receive(1, first);
    await first.close();
    await receiver.completeMessage(message);
    await assert.rejects(receiver.renewMessageLock(message), { code: "MessageLockLost" });
  },

  async "messages can be received and deleted at once"() {
    await sender.sendMessages([{ body: "1" }, { body: "2" }]);
    const greedy = client.createReceiver(queue, { receiveMode: "receiveAndDelete" });
    assert.deepEqual((await receive(2, greedy)).map((message) => message.body), ["1", "2"]);
    await greedy.close();
    assert.deepEqual(await receiver.receiveMessages(1, { maxWaitTimeInMs: 100 }), []);
  },

  async "unknown queues and sessions are refused"() {
    await assert.rejects(client.createSender("unknown").sendMessages({ body: "x" }), {
      code: "MessagingEntityNotFound",
    });
    await assert.rejects(client.createReceiver("unknown").receiveMessages(1), { code: "MessagingEntityNotFound" });
    // The SDK looks for the session in the answer before it reads the refusal.
    await assert.rejects(client.acceptSession(queue, "s"), { code: "SessionCannotBeLocked" });
  },
};

for (const [name, run] of Object.entries(cases)) {
  let error = null;
  try {
    await run();
  } catch (caught) {
    error = `${caught.code ?? ""} ${caught.stack ?? caught}`;
  }
  console.log(JSON.stringify({ case: name, error }));
}
await client.close();
