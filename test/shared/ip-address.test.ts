import { expect, test } from "vitest";
import {
  isInIpRange,
  isLoopbackAddress,
  parseIpAddress,
  parseIpRange,
  resolveClientAddress,
  toRateLimitSource,
} from "../../shared/ip-address.ts";

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
  [
    "of an untrusted client is the connection's, whatever it forges",
    "203.0.113.7",
    "127.0.0.1, 10.8.0.1",
    "203.0.113.7",
  ],
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
