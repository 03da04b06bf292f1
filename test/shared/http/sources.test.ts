import { Context } from "hono";
import { expect, test } from "vitest";
import { createBodyReader, createSourceLimiter } from "../../../shared/http/limits.ts";
import { BreakConnection } from "../../../shared/http/request.ts";
import {
  isInIpRange,
  isLoopbackAddress,
  parseIpAddress,
  parseIpRange,
  resolveClientAddress,
  toRateLimitSource,
} from "../../../shared/ip-address.ts";

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

test("A CIDR block decides whether it contains an address, and loopback addresses are known however they are written", () => {
  const cases: [string, string, boolean][] = [
    ["10.8.0.1", "10.8.0.0/16", true],
    ["10.9.0.1", "10.8.0.0/16", false],
    ["10.8.0.2", "10.8.0.1", false],
    ["203.0.113.9", "0.0.0.0/0", true],
    ["fd12::1", "fd00::/8", true],
    ["fe80::1", "fd00::/8", false],
    ["::1", "0.0.0.0/0", false],
    ["10.8.0.1", "::/0", false],
    ["::ffff:10.8.0.1", "10.8.0.0/16", true],
    ["255.255.255.255", "255.255.255.254/31", true],
  ];
  for (const [address, range, expected] of cases) {
    const [a, r] = [parseIpAddress(address), parseIpRange(range)];
    expect(a && r && isInIpRange(a, r), `${address} in ${range}`).toBe(expected);
  }
  const wrong = ["10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/", "10.0.0.0/8/8", "10.0.0.0/-1", "", "example.com"];
  for (const text of [...wrong, "010.0.0.1"]) expect(parseIpRange(text), text).toBeUndefined();
  for (const address of ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
    expect(isLoopbackAddress(address), address).toBe(true);
  for (const address of ["128.0.0.1", "::2", "localhost", ""]) expect(isLoopbackAddress(address), address).toBe(false);
});

const proxies = ["10.8.0.0/16", "fd00::/8"].flatMap((text) => parseIpRange(text) ?? []);
test.each([
  ["of an untrusted client is its connection's", "203.0.113.7", "127.0.0.1, 10.8.0.1", "203.0.113.7"],
  ["behind a trusted proxy is what the proxy adds", "10.8.0.2", "203.0.113.7", "203.0.113.7"],
  ["behind two trusted proxies is what the first one adds", "10.8.0.2", "203.0.113.7, 10.8.0.9", "203.0.113.7"],
  ["is the last untrusted one, not what the client put before it", "10.8.0.2", "127.0.0.1, 203.0.113.7", "203.0.113.7"],
  ["is the proxy's when the header is nonsense", "10.8.0.2", "localhost", "10.8.0.2"],
  ["is the proxy's when there is no header", "10.8.0.2", undefined, "10.8.0.2"],
  ["is seen through an IPv4 address written as IPv6", "::ffff:10.8.0.2", "2001:db8::7", "2001:db8::7"],
  ["is the innermost proxy's own when all are trusted", "10.8.0.2", "10.8.0.3", "10.8.0.3"],
])("The client's address (reliability 27): %s", (_, connection, header, expected) => {
  expect(resolveClientAddress(connection, header, proxies)).toBe(expected);
});

test("A source for rate limits is one IPv4 address, however it is written, or a whole /64 of IPv6, which one customer gets", () => {
  expect(toRateLimitSource("::ffff:203.0.113.7")).toBe(toRateLimitSource("203.0.113.7"));
  expect(toRateLimitSource("203.0.113.7")).not.toBe(toRateLimitSource("203.0.113.8"));
  expect(toRateLimitSource("2001:db8::1")).toBe(toRateLimitSource("2001:db8::ffff:1"));
  expect(toRateLimitSource("2001:db8::1")).not.toBe(toRateLimitSource("2001:db8:0:1::1"));
});
