import { expect, test } from "vitest";
import { omitUndefined } from "../../../../shared/omit-undefined.ts";
import { FILE_TYPES } from "../../../../shared/tasks/deliverables/file-check.ts";
import { ATTACHMENT_TYPES } from "../../../../simulators/plane/attachments.ts";
import { createBlob, createDeliverablesApp, createStreamedFile, getLinkComments } from "./deliverables-app.ts";

const REFUSED_NAMES = [
  ["", "is empty"],
  ["../x.md", "contains a path separator"],
  ["..", "starts with a dot"],
  [".", "starts with a dot"],
  [".env", "starts with a dot"],
  ["/etc/passwd", "is an absolute path"],
  ["C:\\x.md", "is an absolute path"],
  ["C:x.md", "is an absolute path"],
  ["a/b.md", "contains a path separator"],
  ["a\\b.md", "contains a path separator"],
  ["a\0.md", "other invisible characters"],
  ["a\n.md", "other invisible characters"],
  ["\u001b[31mx.md", "other invisible characters"],
  ["x\u202efdp.md", "other invisible characters"],
  ["\ud800.md", "other invisible characters"],
  ["x.md ", "starts or ends with a space"],
  [`${"x".repeat(253)}.md`, "is 256 bytes long"],
  ["http://127.0.0.1/x.md", "is a URL"],
  ["http://2130706433/x.md", "is a URL"],
  ["http://[::1]/x.md", "is a URL"],
  ["file:///etc/passwd", "is a URL"],
  ["data:text/plain,x", "is a URL"],
  ["//169.254.169.254/x.md", "is a URL"],
];

test("reliability 19: a file with a name that leads elsewhere, hides something or is a URL is refused before anything is sent", async () => {
  const { app, deliverFile } = await createDeliverablesApp();
  const requests = await app.recordRequests(async () => {
    for (const [name = "", reason = ""] of REFUSED_NAMES) {
      const delivery = deliverFile({ name });
      await expect(delivery).rejects.toMatchObject({ code: "bad_request", message: expect.stringContaining(reason) });
      await expect(delivery).rejects.toThrow("report.pdf");
    }
  });
  expect(requests).toEqual([]);
});

const REFUSED_TYPES = [
  ["program.exe", undefined],
  ["Makefile", undefined],
  ["Makefile", "text/html"],
  ["program.exe", "application/pdf"],
  ["program.", "application/pdf"],
];

test("an empty file and one of a type that Plane does not accept are refused before anything is sent", async () => {
  const { app, deliverFile } = await createDeliverablesApp();
  const requests = await app.recordRequests(async () => {
    await expect(deliverFile({ file: createBlob("") })).rejects.toMatchObject({ code: "bad_request" });
    for (const [name = "", type] of REFUSED_TYPES)
      await expect(deliverFile({ name, ...omitUndefined({ type }) })).rejects.toMatchObject({
        code: "unsupported_type",
        message: expect.stringContaining("pdf, "),
      });
  });
  expect(requests).toEqual([]);
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

test("a file name with quotes, tags and semicolons is shown as text in the comment and stays unchanged", async () => {
  const { app, item, deliverFile } = await createDeliverablesApp();
  const name = `a"<b>$(id);--flag'\`.md`;
  expect(await deliverFile({ name })).toMatchObject({ name });
  expect(getLinkComments(app, item)[0]).not.toContain("<b>");
});

test("Plane accepts every type to which an extension is mapped", () => {
  expect(Object.values(FILE_TYPES).filter((type) => !ATTACHMENT_TYPES.has(type))).toEqual([]);
});
