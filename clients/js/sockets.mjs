// Sockets on Microsoft's Web PubSub client. It recovers a connection that was cut; one that is lost for good is
// reported, and another is negotiated.
import { WebPubSubClient, WebPubSubJsonProtocol, WebPubSubJsonReliableProtocol } from "@azure/web-pubsub-client";

/** `protocol`: "reliable" or "json". */
export function webPubSubClient(access, protocol, autoReconnect) {
  const made = protocol === "json" ? WebPubSubJsonProtocol() : WebPubSubJsonReliableProtocol();
  // Its own keep-alive would hold a finished program for forty seconds; whoever listens notices silence by itself.
  const silent = { keepAliveIntervalInMs: 0, keepAliveTimeoutInMs: 0 };
  return new WebPubSubClient(access, { protocol: made, autoReconnect, ...silent, messageRetryOptions: { maxRetries: 0 } });
}

/** A socket whose messages wait until they are asked for; undefined where none can be opened. */
export async function openSocket(url, protocol) {
  const waiting = [];
  let wake = () => {};
  const put = (message) => {
    waiting.push(message);
    wake();
  };
  const client = webPubSubClient(url, protocol, false);
  client.on("group-message", ({ message }) => put(message.data));
  client.on("server-message", ({ message }) => put(message.data));
  client.on("disconnected", () => put(null));
  client.on("stopped", () => put(null));
  try {
    await client.start();
  } catch {
    return undefined; // the log and polling tell the same, later
  }
  return {
    /** An event, undefined after so many quiet seconds, null when the socket is gone. */
    async receive(seconds) {
      if (waiting.length === 0) {
        let timer;
        await new Promise((resolve) => {
          wake = resolve;
          timer = setTimeout(resolve, seconds * 1000);
        });
        clearTimeout(timer);
      }
      return waiting.shift();
    },
    close: () => client.stop(),
  };
}
