/** What is pressed is at least 24 pixels high and wide; links within text are as their lines are (WCAG 2.5.8). */
export const FIND_SMALL_TARGETS = `[...document.querySelectorAll("button, select, input, summary, a.out")]
  .filter((el) => el.checkVisibility()).map((el) => [el, el.getBoundingClientRect()])
  .filter(([, { width, height }]) => width < 24 || height < 24)
  .map(([el, { width, height }]) => el.outerHTML.slice(0, 60) + " " + width + "x" + height)`;

/** Texts with less contrast to what is behind them than 4.5 (WCAG 1.4.3). */
export const FIND_LOW_CONTRAST = `(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const over = (colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const pale = [];
  for (const el of document.querySelectorAll("body *")) {
    const said = [...el.childNodes].some((one) => one.nodeType === 3 && one.data.trim()) || el.placeholder;
    if (!said || !el.checkVisibility() || el.closest(".sr, .skip, option, .fresh")) continue;
    const behind = [];
    let opacity = 1;
    for (let up = el; up; up = up.parentElement) {
      behind.unshift(getComputedStyle(up).backgroundColor);
      if (!up.matches(".reply, .out")) opacity *= Number(getComputedStyle(up).opacity);
    }
    const ink = getComputedStyle(el, el.placeholder ? "::placeholder" : null).color;
    const [a, b] = [over([...behind, ink]), over(behind)].map((one) => one + 0.05);
    const contrast = Math.max(a / b, b / a);
    if (contrast < 4.5 || opacity < 0.9) pale.push((el.className || el.tagName) + ": " + el.textContent.slice(0, 30) + " " + contrast.toFixed(2) + " " + opacity);
  }
  return pale;
})()`;
