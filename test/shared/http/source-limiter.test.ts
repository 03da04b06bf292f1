import { Context } from "hono";
import { expect, test } from "vitest";
import { createBodyReader, createSourceLimiter } from "../../../shared/http/limits.ts";
import { BreakConnection } from "../../../shared/http/request.ts";

test("A limit per source (reliability 9) is reached after its number of requests in a window, and reset with the next one and when the clock is set back", () => {
  let now = 3_600_000;
  const { count, isExhausted } = createSourceLimiter({ limit: 2, window: 1000, sources: 10, clock: () => now });
  expect([count("a"), count("a"), count("a"), count("b")]).toEqual([false, false, true, false]);
  expect([isExhausted("a"), isExhausted("b"), isExhausted("c")]).toEqual([true, false, false]);
  now += 999;
  expect(count("a")).toBe(true);
  now += 1;
  expect([count("a"), count("a"), count("a")]).toEqual([false, false, true]);
  now = 0;
  expect(isExhausted("a")).toBe(false);
  expect([count("a"), count("a"), count("a")]).toEqual([false, false, true]);
});

test("A limit per source remembers a bounded number of sources; a flood of new ones replaces the oldest", () => {
  const { count } = createSourceLimiter({ limit: 1, window: 1000, sources: 3, clock: () => 0 });
  expect([count("a"), count("a")]).toEqual([false, true]);
  for (const other of ["b", "c"]) count(other);
  expect(count("a")).toBe(true);
  count("d");
  expect(count("a")).toBe(false);
});

test("A large body beyond its source's limit has its connection broken, so that Plane sends it again; beyond that of all sources, the oldest", async () => {
  const size = 300 * 1024;
  const end = Promise.withResolvers<void>();
  /** A request whose body has begun and continues when the test allows it. */
  function createOpenRequest(client: string) {
    const body = new ReadableStream<Uint8Array>({
      async start(stream) {
        stream.enqueue(new Uint8Array(size));
        await end.promise;
        stream.close();
      },
    });
    const c = new Context(new Request("http://localhost/", { method: "POST", body, duplex: "half" }));
    c.set("client", client);
    return c;
  }
  const read = createBodyReader(1024 * 1024);
  const clients = [1, 2, 3, 4].flatMap((n) => Array.from({ length: 4 }, () => `192.0.2.${n}`));
  const [oldest, ...others] = clients.map((client) => read(createOpenRequest(client)));
  await expect(read(createOpenRequest("192.0.2.1"))).rejects.toBeInstanceOf(BreakConnection);
  const newest = read(createOpenRequest("192.0.2.5"));
  await expect(oldest).rejects.toBeInstanceOf(BreakConnection);
  end.resolve();
  expect((await Promise.all([...others, newest])).map(({ length }) => length)).toEqual(Array(16).fill(size));
});
