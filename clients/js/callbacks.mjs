// Checking callbacks, which are signed as Standard Webhooks words it.
import { CallbackRefused } from "./errors.mjs";

const TOLERANCE_SECONDS = 300;
const bytesOf = (text) => new TextEncoder().encode(text);
const decoded = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

/**
 * The callback, if one of the secrets signed it within the last five minutes; otherwise throws CallbackRefused.
 *
 * `secrets`: one or several `whsec_...`; while a secret is being replaced, give both. `headers`: a Headers object or a
 * plain one. `body`: the text or bytes as they arrived. `now`: Unix seconds. Drop a `webhook-id` that you have seen.
 */
export async function verifyCallback(secrets, headers, body, now = Date.now() / 1000) {
  const given = new Headers(headers);
  const [id, sent, signatures] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) => {
    const value = given.get(name);
    if (value === null) throw new CallbackRefused(`the header ${name} is missing`);
    return value;
  });
  if (!/^\d{1,12}$/.test(sent)) throw new CallbackRefused("webhook-timestamp is no time");
  if (Math.abs(now - Number(sent)) > TOLERANCE_SECONDS) {
    throw new CallbackRefused("the callback is too old, or from the future");
  }
  const data = typeof body === "string" ? bytesOf(body) : new Uint8Array(body);
  const start = bytesOf(`${id}.${sent}.`);
  const signed = new Uint8Array(start.length + data.length);
  signed.set(start);
  signed.set(data, start.length);
  let fits = false;
  for (const secret of [secrets].flat()) {
    const key = await keyOf(secret);
    // Every pair is compared, and `verify` takes the same time for right and wrong.
    for (const signature of signatures.split(" ")) fits = (await matches(key, signature, signed)) || fits;
  }
  if (!fits) throw new CallbackRefused("no signature fits");
  return JSON.parse(new TextDecoder().decode(data));
}

async function keyOf(secret) {
  let bytes;
  try {
    bytes = decoded(secret.replace(/^whsec_/, ""));
  } catch {
    throw new TypeError("a secret reads whsec_ and base64");
  }
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
}

async function matches(key, signature, signed) {
  const [version, base64] = signature.split(",");
  if (version !== "v1" || !/^[A-Za-z0-9+/]{43}=$/.test(base64 ?? "")) return false;
  return crypto.subtle.verify("HMAC", key, decoded(base64), signed);
}
