// Subscribes to a waiting job over the socket, cancels it, and tells what it hears; argument: base URL.
import { ContentArchitectClient } from "../../clients/js/index.mjs";

const client = new ContentArchitectClient({ baseUrl: process.argv[2] });
const say = (what) => console.log(JSON.stringify(what));
const updates = client.updates().on("Connected", () => say({ connected: true })).on("Error", (error) => say({ error: String(error) }));
updates.on("JobUpdate", ({ sequence, type, data }) => say({ sequence, type, status: data.status }));
const ended = new Promise((resolve) => updates.on("JobEnded", resolve));
await updates.start();
const scheduledFor = new Date(Date.now() + 3_600_000).toISOString();
const { jobId } = await client.submit({ topic: "A topic", contentType: "blog_post", audience: "b2c", scheduledFor });
const { group, lastSequence } = await updates.invoke("SubscribeToJob", jobId);
say({ group: /^(user|job):/.test(group), lastSequence }); // the log knows no groups: this came over the socket
await updates.invoke("SubscribeToJob", "018f3c5e-0000-7000-8000-00000000dead").catch(({ code }) => say({ refused: code }));
await client.cancel(jobId);
say({ ended: (await ended).status });
await updates.stop();
