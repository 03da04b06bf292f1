import { get } from "node:http";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { createBearerHeaders, RUNTIME_ADMIN_TOKEN, startTestRuntime } from "../../support/test-runtime.ts";

/** Reads an answer as it is sent: `fetch` would decompress it. */
function readRaw(url: string, headers: Record<string, string>) {
  return new Promise<{ status: number | undefined; headers: Record<string, unknown>; body: Buffer }>(
    (resolve, reject) => {
      get(url, { headers }, async (response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of response) chunks.push(chunk as Buffer);
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) });
      }).on("error", reject);
    },
  );
}

const GZIP = { "accept-encoding": "br, gzip;q=0.8" };

test("files of the page are sent in gzip with an ETag of their own, and not again when they are known", async () => {
  const { url } = await startTestRuntime();
  const plain = await readRaw(`${url}/assets/page.js`, {});
  const packed = await readRaw(`${url}/assets/page.js`, GZIP);
  expect(packed.headers).toMatchObject({ "content-encoding": "gzip", "content-length": String(packed.body.length) });
  expect(gunzipSync(packed.body).equals(plain.body)).toBe(true);
  expect(packed.body.length).toBeLessThan(plain.body.length / 2);
  expect(plain.headers["content-encoding"]).toBeUndefined();
  expect([plain.headers["vary"], packed.headers["vary"]]).toEqual(["Accept-Encoding", "Accept-Encoding"]);
  expect(packed.headers["etag"]).not.toBe(plain.headers["etag"]);
  const known = { ...GZIP, "if-none-match": String(packed.headers["etag"]) };
  expect((await readRaw(`${url}/assets/page.js`, known)).status).toBe(304);
});

test("the page's document and long answers of its API are sent in gzip, short ones as they are", async () => {
  const { url } = await startTestRuntime();
  const page = await readRaw(url, { ...GZIP, "accept-language": "fr" });
  expect(page.headers).toMatchObject({ "content-encoding": "gzip", vary: "Accept-Language, Accept-Encoding" });
  expect(gunzipSync(page.body).toString()).toMatch(/^<!doctype html>[\s\S]*<\/html>\s*$/);
  const { headers: bearer } = createBearerHeaders(RUNTIME_ADMIN_TOKEN);
  const board = await readRaw(`${url}/api/notices`, { ...GZIP, ...bearer });
  expect(board.headers["content-encoding"]).toBeUndefined();
  expect(JSON.parse(board.body.toString())).toHaveProperty("notices");
});

test("nothing is compressed for a client that does not take gzip", async () => {
  const { url } = await startTestRuntime();
  for (const taken of ["identity", "gzip;q=0", "gzip; q=0.0, br"]) {
    const page = await readRaw(url, { "accept-encoding": taken });
    expect(page.headers["content-encoding"]).toBeUndefined();
    expect(page.body.toString()).toMatch(/^<!doctype html>/);
  }
});
