import { expect, test } from "vitest";
import { omitUndefined } from "../../../../shared/omit-undefined.ts";
import { FILE_TYPES } from "../../../../shared/tasks/deliverables/file-check.ts";
import { createBlob, createDeliverablesApp, createStreamedFile, getLinkComments } from "./deliverables-app.ts";

test.each([
  ["that is empty", "", "is empty"],
  ["that leads to a parent folder", "../x.md", "contains a path separator"],
  ["of two dots", "..", "starts with a dot"],
  ["of one dot", ".", "starts with a dot"],
  ["of a hidden file", ".env", "starts with a dot"],
  ["with an absolute path", "/etc/passwd", "is an absolute path"],
  ["with an absolute Windows path", "C:\\x.md", "is an absolute path"],
  ["on another drive", "C:x.md", "is an absolute path"],
  ["with a folder", "a/b.md", "contains a path separator"],
  ["with a Windows folder", "a\\b.md", "contains a path separator"],
  ["with NUL", "a\0.md", "other invisible characters"],
  ["with a line break", "a\n.md", "other invisible characters"],
  ["with an escape sequence", "\u001b[31mx.md", "other invisible characters"],
  ["that reads from right to left", "x\u202efdp.md", "other invisible characters"],
  ["with a lone surrogate", "\ud800.md", "other invisible characters"],
  ["with a trailing space", "x.md ", "starts or ends with a space"],
  ["of 256 bytes", `${"x".repeat(253)}.md`, "is 256 bytes long"],
  ["that is a URL", "http://127.0.0.1/x.md", "is a URL"],
  ["that is a URL with a decimal address", "http://2130706433/x.md", "is a URL"],
  ["that is a URL with an IPv6 address", "http://[::1]/x.md", "is a URL"],
  ["that is a file URL", "file:///etc/passwd", "is a URL"],
  ["that is a data URL", "data:text/plain,x", "is a URL"],
  ["that is a URL without a scheme", "//169.254.169.254/x.md", "is a URL"],
])("reliability 19: a file with a name %s is refused before anything is sent", async (_, name, reason) => {
  const { app, deliverFile } = await createDeliverablesApp();
  const requests = await app.recordRequests(async () => {
    const delivery = deliverFile({ name });
    await expect(delivery).rejects.toMatchObject({ code: "bad_request", message: expect.stringContaining(reason) });
    await expect(delivery).rejects.toThrow("report.pdf");
  });
  expect(requests).toEqual([]);
});

test.each([
  ["program.exe", undefined],
  ["Makefile", undefined],
  ["Makefile", "text/html"],
  ["program.exe", "application/pdf"],
  ["program.", "application/pdf"],
])("a file of a type that Plane does not accept is refused before anything is sent: %s", async (name, type) => {
  const { app, deliverFile } = await createDeliverablesApp();
  const requests = await app.recordRequests(async () => {
    const delivery = deliverFile({ name, ...omitUndefined({ type: type || undefined }) });
    await expect(delivery).rejects.toMatchObject({
      code: "unsupported_type",
      message: expect.stringContaining("pdf, "),
    });
  });
  expect(requests).toEqual([]);
});

test("an empty file is refused before anything is sent", async () => {
  const { deliverFile } = await createDeliverablesApp();
  await expect(deliverFile({ file: createBlob("") })).rejects.toMatchObject({ code: "bad_request" });
});

test("a file over Plane's limit is refused before anything is sent, and the refusal names the limit", async () => {
  const { app, deliverFile } = await createDeliverablesApp();
  const requests = await app.recordRequests(async () => {
    const delivery = deliverFile({ file: createStreamedFile("x".repeat(5 * 2 ** 20 + 1)) });
    await expect(delivery).rejects.toMatchObject({ code: "too_large" });
    await expect(delivery).rejects.toThrow(/5242880 \(5 MB\).*FILE_SIZE_LIMIT/);
  });
  expect(requests).toEqual([]);
});

test("a file over 50 MB is refused before anything is sent, whatever Plane's limit is", async () => {
  const { deliverFile } = await createDeliverablesApp({ fileSizeLimit: 2 ** 30 });
  const huge = { size: 50 * 2 ** 20 + 1, stream: () => new ReadableStream<Uint8Array>() };
  await expect(deliverFile({ file: huge })).rejects.toThrow(/52428800 \(50 MB\).*Groundcrew/);
});

test("a file name without an extension gets the type given by its sender", async () => {
  const { deliverFile } = await createDeliverablesApp();
  expect(await deliverFile({ name: "Makefile", type: "text/plain; charset=utf-8" })).toMatchObject({
    type: "text/plain",
  });
  expect(await deliverFile({ name: "x.md", type: "application/pdf" })).toMatchObject({ type: "text/markdown" });
});

test("a file name with quotes, tags and semicolons is shown as text in the comment and stays unchanged", async () => {
  const { app, item, deliverFile } = await createDeliverablesApp();
  const name = `a"<b>$(id);--flag'\`.md`;
  expect(await deliverFile({ name })).toMatchObject({ name });
  expect(getLinkComments(app, item)[0]).not.toContain("<b>");
});

test("Plane accepts every type to which an extension is mapped", async () => {
  const { app, item, deliverFile } = await createDeliverablesApp();
  for (const [type, extension] of new Map(Object.entries(FILE_TYPES).map(([extension, type]) => [type, extension])))
    expect(await deliverFile({ name: `x.${extension}` })).toMatchObject({ type });
  expect(app.plane.attachments(item).every(({ is_uploaded }) => is_uploaded)).toBe(true);
});
