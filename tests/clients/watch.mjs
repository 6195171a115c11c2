// Watches a job with the JavaScript client; arguments: base URL, job id, protocol. One JSON line per event.
import { ContentArchitectClient } from "../../clients/js/index.mjs";

const [baseUrl, jobId, protocol] = process.argv.slice(2);
const client = new ContentArchitectClient({ baseUrl, protocol, retry: { chance: () => 0 } });
for await (const event of client.watch(jobId)) console.log(JSON.stringify(event));
