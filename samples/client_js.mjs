// Submit requests, watch both jobs over one socket, print one article: the JavaScript client from beginning to end.
//
//     node samples/client_js.mjs "How much sleep do adults need?" "Cybersecurity for small businesses"
//
// Talks to the stack of ./dev up, or to CONTENT_ARCHITECT_API_URL with the key in CONTENT_ARCHITECT_API_KEY.
import { ContentArchitectClient, ContentArchitectError } from "../clients/js/index.mjs";

const topics = process.argv.slice(2);
if (topics.length === 0) {
  console.error("usage: node samples/client_js.mjs TOPIC...");
  process.exit(2);
}
const client = new ContentArchitectClient({
  baseUrl: process.env.CONTENT_ARCHITECT_API_URL ?? "http://127.0.0.1:7071",
  apiKey: process.env.CONTENT_ARCHITECT_API_KEY,
});
const updates = client.updates();
const ended = new Map();
const all = new Promise((resolve) => {
  updates.on("JobEnded", (job) => {
    ended.set(job.jobId, job);
    if (ended.size === topics.length) resolve();
  });
});
updates.on("JobUpdate", ({ jobId, sequence, type, data }) =>
  console.error(jobId.slice(-4), sequence ?? "-", type, data.step ?? data.status ?? ""),
);
updates.on("Error", (error) => console.error(String(error)));

try {
  await updates.start();
  for (const topic of topics) {
    const { jobId } = await client.submit({ topic, contentType: "blog_post", audience: "b2c", targetLength: "short" });
    await updates.invoke("SubscribeToJob", jobId);
  }
  await all;
  const [job] = ended.values();
  console.log(await client.result(job.jobId, { form: "markdown" }));
} catch (error) {
  if (!(error instanceof ContentArchitectError)) throw error;
  console.error(String(error));
  process.exitCode = 1;
} finally {
  await updates.stop();
}
