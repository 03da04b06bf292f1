/** What Plane accepts at most in a request: 5 MiB (its `FILE_SIZE_LIMIT`). */
export const PLANE_BODY_LIMIT = 5 * 2 ** 20;

function fill(part: string, size = PLANE_BODY_LIMIT): string {
  return part.repeat(Math.floor(size / part.length));
}

function count(toPart: (i: number) => string, parts: number): string {
  return Array.from({ length: parts }, (_, i) => toPart(i)).join("");
}

/** Hostile HTML at the size that Plane accepts. */
export const HOSTILE_HTML: [name: string, html: string][] = [
  ["a big table", `<table><tbody>${fill(`<tr>${"<td>a</td>".repeat(20)}</tr>`)}</tbody></table>`],
  ["a table with styles", `<table>${fill('<tr><td style="width:1px">a</td></tr>')}</table>`],
  ["nested tables", fill("<table><tr><td>")],
  ["nested div", fill("<div>")],
  ["nested lists", fill("<ul><li>")],
  ["nested quotes", fill("<blockquote>")],
  ["spans", fill("<span>a</span>")],
  ["paragraphs", fill("<p>a</p>")],
  ["list items", `<ul>${fill("<li>a</li>")}</ul>`],
  ["rules", fill("<hr>")],
  ["formats that stay open", fill("<p><b><i>x")],
  ["links that stay open", fill("<a>x")],
  ["many attributes", `<p ${count((i) => `a${i}=1 `, 400_000)}>x</p>`],
  ["a long style", `<p style="${fill("a:b;")}">x</p>`],
  ["coloured paragraphs", count((i) => `<p style="color:#${i % 10}00">x</p>`, 150_000)],
  ["a style sheet", `<style>${fill(".a{display:none}")}</style><p>x</p>`],
  ["entities", `<p>${fill("&amp;")}</p>`],
  ["comments", fill("<!--a-->")],
  ["punctuation", `<p>${fill("[")}</p>`],
  ["words", `<p>${fill("a ")}</p>`],
  ["hidden paragraphs", fill("<p hidden>x</p>")],
  ["dependencies", fill("<p>blocked by: A-1</p>")],
  ["spaces in a dependency", `blocked${fill(" ")}`],
];

/** Hostile Markdown at the limits of a text: 100,000 characters and 5,000 lines. */
export const HOSTILE_MARKDOWN: [name: string, markdown: string][] = [
  ["lists in lists on each line", "- - - - - - a\n".repeat(4_999)],
  ["list items", "- a\n".repeat(4_999)],
  ["deep lists", count((i) => `${"\t".repeat(i)}- a\n`, 400)],
  ["quotes", ">>>>>>>>>>>>>>>>>>> a\n".repeat(4_500)],
  ["emphasis", "*a **b _c_ ~d~ `e`\n".repeat(4_999)],
  ["brackets", fill("[", 100_000)],
  ["code marks", fill("`a", 100_000)],
  ["headings", "a\n=\n".repeat(2_400)],
  ["a wide table", `${"|a".repeat(4_000)}\n${"|-".repeat(4_000)}\n${"|\n".repeat(1_000)}`],
  ["definitions", count((i) => `[a${i}]: http://x/${i}\n`, 4_000)],
  ["references", `[a]: http://x\n\n${fill("[a] ", 90_000)}`],
  ["entities", fill("&amp;", 100_000)],
];
