// Runs the unmodified JavaScript client against the stand-in; arguments: client URL with a token, json or reliable.
// Prints one JSON line per event and reads one command per line, so that the Python side decides what happens.
import readline from "node:readline";
import { WebPubSubClient, WebPubSubJsonProtocol, WebPubSubJsonReliableProtocol } from "@azure/web-pubsub-client";

const [url, protocol] = process.argv.slice(2);
const say = (step) => console.log(JSON.stringify(step));
const client = new WebPubSubClient(url, {
  protocol: protocol === "reliable" ? WebPubSubJsonReliableProtocol() : WebPubSubJsonProtocol(),
  messageRetryOptions: { maxRetries: 0 },
  reconnectRetryOptions: { retryDelayInMs: 20, maxRetryDelayInMs: 100 },
});
client.on("connected", (event) => say({ connected: event.connectionId, user: event.userId }));
client.on("group-message", ({ message }) =>
  say({ group: message.group, data: message.data instanceof ArrayBuffer ? [...new Uint8Array(message.data)] : message.data }),
);
client.on("server-message", ({ message }) => say({ server: message.data }));
client.on("disconnected", (event) => say({ disconnected: event.message?.message ?? null }));
client.on("stopped", () => say({ stopped: true }));

const failure = (error) => say({ failed: error.errorDetail?.name ?? String(error) });
const commands = {
  join: (group) => client.joinGroup(group).then(() => say({ joined: group }), failure),
  leave: (group) => client.leaveGroup(group).then(() => say({ left: group }), failure),
  text: (group) => client.sendToGroup(group, "from js", "text").then(() => say({ sent: group }), failure),
  binary: (group) => client.sendToGroup(group, new Uint8Array([0, 255]).buffer, "binary").then(() => say({ sent: group }), failure),
  event: (name) => client.sendEvent(name, {}, "json").then(() => say({ raised: name }), failure),
  subscribe: (job) => client.sendEvent("SubscribeToJob", { jobId: job }, "json").then(() => say({ raised: "SubscribeToJob" }), failure),
  invoke: (name) => client.invokeEvent(name, {}, "json").then(() => say({ raised: name }), failure),
  stop: () => client.stop(),
};
await client.start();
for await (const line of readline.createInterface({ input: process.stdin })) {
  const [command, argument] = line.split(" ");
  await commands[command](argument);
  if (command === "stop") break;
}
