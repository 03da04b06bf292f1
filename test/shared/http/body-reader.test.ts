import { Context } from "hono";
import { expect, test } from "vitest";
import { createBodyReader } from "../../../shared/http/limits.ts";
import { BreakConnection } from "../../../shared/http/request.ts";

const LARGE = 300 * 1024;

/** A request whose body has begun and continues when the test allows it. */
function createOpenRequest() {
  const end = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    async start(stream) {
      stream.enqueue(new Uint8Array(LARGE));
      await end.promise;
      stream.close();
    },
  });
  const c = new Context(new Request("http://localhost/", { method: "POST", body, duplex: "half" }));
  c.set("client", "192.0.2.1");
  return { c, end: end.resolve };
}

async function readFifthBody(read: (c: Context) => Promise<Uint8Array>) {
  const four = [1, 2, 3, 4].map(createOpenRequest);
  const reading = four.map(({ c }) => read(c));
  const refused = await read(createOpenRequest().c).catch((thrown: unknown) => thrown);
  for (const { end } of four) end();
  const sizes = (await Promise.all(reading)).map(({ length }) => length);
  expect(sizes).toEqual([LARGE, LARGE, LARGE, LARGE]);
  return refused;
}

test("A large body beyond the limit of simultaneous ones has its connection broken, so that Plane sends it again", async () => {
  expect(await readFifthBody(createBodyReader(1024 * 1024))).toBeInstanceOf(BreakConnection);
});
