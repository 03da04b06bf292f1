import { expect, test } from "vitest";
import { createHttpTestApp } from "../../support/http-test-app.ts";

const MARK = "(hidden text removed)";

test.each([
  ["display", '<p style="display:none">SECRET</p>'],
  ["display in capitals and with spaces", "<p STYLE=' DISPLAY : None !important '>SECRET</p>"],
  ["display with a comment", '<p style="display:/**/none">SECRET</p>'],
  ["display with an escape", '<p style="d\\69 splay:none">SECRET</p>'],
  ["display with a character reference", '<p style="display&#58;none">SECRET</p>'],
  ["visibility", '<span style="visibility:hidden">SECRET</span>'],
  ["opacity", '<div style="opacity:0.01">SECRET</div>'],
  ["a filter", '<div style="filter:opacity(0)">SECRET</div>'],
  ["font-size", '<span style="font-size:0">SECRET</span>'],
  ["a tiny font-size", '<span style="font-size:1px">SECRET</span>'],
  ["font", '<span style="font:0/0 a">SECRET</span>'],
  ["white on white", '<span style="color:#fff">SECRET</span>'],
  ["nearly white on white", '<span style="color:rgb(254 254 254)">SECRET</span>'],
  ["black on black", '<p style="background:#000;color:#010101">SECRET</p>'],
  [
    "the colour of the element around it",
    '<div style="background:red"><b style="color:#f00">SECRET</b></div>'.replace("red", "#f00"),
  ],
  ["a transparent colour", '<span style="color:transparent">SECRET</span>'],
  ["a font element", '<font color="white">SECRET</font>'],
  ["a position off the screen", '<p style="position:absolute;left:-9999px">SECRET</p>'],
  ["a text indent", '<p style="text-indent:-999em">SECRET</p>'],
  ["a transformation", '<p style="transform:translateX(-5000px)">SECRET</p>'],
  ["a scale", '<p style="transform:scale(0)">SECRET</p>'],
  ["a clip", '<p style="position:absolute;clip:rect(0,0,0,0)">SECRET</p>'],
  ["a box without height", '<p style="height:0;overflow:hidden">SECRET</p>'],
  ["the attribute hidden", "<p hidden>SECRET</p>"],
  ["the attribute hidden in an outer element", "<div hidden><ul><li><p>SECRET</p></li></ul></div>"],
  ["a popover", "<div popover>SECRET</div>"],
  ["a closed dialog", "<dialog>SECRET</dialog>"],
  ["a class of Plane", '<p class="sr-only">SECRET</p>'],
  ["a style sheet", '<style>.x > b, i { display: none }</style><p class="x"><b>SECRET</b></p>'],
  ["a style sheet with a long rule", `<style>b{${"a:b;".repeat(600)}display:none}</style><b>SECRET</b>`],
  ["closed details", "<details><summary>Visible</summary><p>SECRET</p></details>"],
  ["closed details without a summary", "<details>SECRET</details>"],
  ["a table row", '<table><tr><th>a</th></tr><tr style="display:none"><td>SECRET</td></tr></table>'],
  ["a table section", "<table><tr><th>a</th></tr><tbody hidden><tr><td>SECRET</td></tr></tbody></table>"],
  ["a list item", "<ul><li hidden>SECRET</li><li>b</li></ul>"],
  ["elements that are nested deeply", `${"<div>".repeat(60)}<p hidden>SECRET</p>`],
  ["elements that are nested too deeply for a tree", `${"<div>".repeat(9_000)}<p hidden>SECRET</p>`],
  ["many formats that are not closed", `${'<b style="">'.repeat(300)}${"<p>a</p>".repeat(300)}<p hidden>SECRET</p>`],
])(
  "text hidden by %s reaches agents neither from a description nor from a comment, and a mark says so",
  async (_, hidden) => {
    const app = await createHttpTestApp();
    const item = app.addTask("Write it down", "Thot", { description_html: hidden });
    await app.runFirstPoll();
    app.plane.addComment(item, `${hidden}<p>Bye</p>`);
    const details = await app.callTool("Thot", "get_task_details", { task: "ONB-1" });
    expect(details.status).toBe(200);
    const list = await app.callTool("Thot", "list_my_tasks", {});
    expect(list.status).toBe(200);
    expect(JSON.stringify([details.json, list.json])).not.toContain("SECRET");
    expect(details.json).toMatchObject({
      text: expect.stringContaining(MARK),
      comments: { latest: [{ text: expect.stringContaining(MARK) }] },
    });
  },
);

test("text that people see reaches agents unchanged, whatever its style", async () => {
  const app = await createHttpTestApp();
  const html =
    '<p style="text-align:center;color:#333;font-size:12px;line-height:1.5;margin:0">a</p>' +
    '<p style="background-color:#000;color:#fff;font:700 12px/1 serif">b</p>' +
    '<div style="color:white;background:rgb(20, 20, 20)"><span style="opacity:0.8">c</span></div>' +
    "<details open><summary>d</summary><p>e</p></details>" +
    '<table><tr><th style="width:0;min-width:25px">f</th></tr></table>' +
    '<p class="editor-paragraph-block hidden-gem" style="top:0;left:-10px;transform:rotate(-360deg)">g</p>';
  app.addTask("Write it down", "Thot", { description_html: html });
  await app.runFirstPoll();
  const { json } = await app.callTool("Thot", "get_task_details", { task: "ONB-1" });
  expect(json).toMatchObject({ text: "a\n\nb\n\nc\n\nd\n\ne\n\n| f |\n| - |\n\ng" });
});

test("reliability 18: a table of 340,000 cells in a description reaches agents as plain text, and hidden text in it does not", async () => {
  const app = await createHttpTestApp();
  const rows = "<tr><td>a</td><td>b</td></tr>".repeat(170_000);
  const html = `<p hidden>SECRET</p><table>${rows}</table>`;
  app.addTask("Write it down", "Thot", { description_html: html });
  await app.runFirstPoll();
  const { status, json } = await app.callTool("Thot", "get_task_details", { task: "ONB-1" });
  expect(status).toBe(200);
  expect(json).toMatchObject({
    text: expect.stringMatching(/^\(formatting left out: .*\)\n\n\(hidden text removed\)\n\na b\n/),
  });
  expect(JSON.stringify(json)).not.toContain("SECRET");
});
