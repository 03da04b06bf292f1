import { expect, test } from "vitest";
import { createPlaneClient } from "../../../shared/plane/create-client.ts";
import { baseUrl, fillRoute } from "../../../shared/plane/route.ts";
import { users } from "../../../shared/plane/users-members.ts";
import { workItems } from "../../../shared/plane/work-items.ts";
import { failure, ME, scripted } from "./harness.ts";

test("a part of a route stays one part, whatever it holds", () => {
  expect(fillRoute("/a/:item/b/", { item: "x/../y?z#ä" })).toBe("/a/x%2F..%2Fy%3Fz%23%C3%A4/b/");
});

test.each(["", ".", ".."])("the part %j would lead to another route and is refused", (item) => {
  expect(() => fillRoute("/a/:item/b/", { item })).toThrow(RangeError);
});

test("a part that is not given is refused before anything is sent", async () => {
  const { client, server } = await scripted([{ status: 200, body: ME }]);
  expect(await failure(client.call(workItems.get, { params: { item: ME.id } }))).toBeInstanceOf(RangeError);
  expect(server.requests).toEqual([]);
});

test.each(["/", "///", "/plane", "/plane/"])("Plane's address may end with %j", async (end) => {
  const { given, server } = await scripted([{ status: 200, body: ME }]);
  await createPlaneClient({ ...given, url: server.url + end }).call(users.me);
  expect(server.requests[0]?.url).toBe(`${end.replace(/\/+$/, "")}/api/v1/users/me/`);
});

test.each([
  "",
  "plane.test",
  "ftp://plane.test",
  "https://hunter22@plane.test",
  "https://:hunter22@plane.test",
  "https://plane.test/?key=hunter22",
])("the address %j is refused without being repeated", (address) => {
  expect(() => baseUrl(address)).toThrow(RangeError);
  expect(() => baseUrl(address)).not.toThrow("hunter22");
});
