/** Colours, the frame, and where its parts stand on a wide, a middling and a narrow screen. */
export const FRAME_STYLE = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#f4f3ef, #121416);
  --sheet: light-dark(#ffffff, #1a1d20);
  --sunk: light-dark(#ecebe6, #0e1012);
  --line: light-dark(#dfddd6, #2b3035);
  --ink: light-dark(#1b1d1f, #e7e6e2);
  --muted: light-dark(#62666b, #989da4);
  --accent: light-dark(#1f6f5c, #6fc7ac);
  --todo: light-dark(#7d828a, #8b9199);
  --in_progress: light-dark(#2563b8, #6ea5f0);
  --blocked: light-dark(#b4400f, #f0925c);
  --done: light-dark(#2c7a4b, #68be88);
  --bad: light-dark(#b3261e, #f28b82);
  --warm: light-dark(#8a5a00, #e3b45a);
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
* { box-sizing: border-box; }
html { height: 100%; }
body {
  margin: 0; height: 100%; display: flex; flex-direction: column; background: var(--ground); color: var(--ink);
  font: 13.5px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
}
[hidden] { display: none !important; }
h1, h2, h3, p, ul, ol { margin: 0; padding: 0; }
ul, ol { list-style: none; }
h1 { font-size: 15px; font-weight: 650; letter-spacing: -.01em; }
h2 { font-size: 13px; font-weight: 650; }
button, select, input { font: inherit; color: inherit; }
button { cursor: pointer; }
::placeholder { color: var(--muted); opacity: 1; }
a { color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; border-radius: 4px; }
.sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: 8px; top: -40px; background: var(--sheet); padding: 6px 10px; z-index: 3; }
.skip:focus { top: 6px; }
.muted, .hint, .empty { color: var(--muted); }
.empty { padding: 14px 12px; max-width: 46ch; }

header {
  display: flex; align-items: center; gap: 6px 14px; padding: 8px 16px; flex-wrap: wrap;
  background: var(--sheet); border-bottom: 1px solid var(--line);
}
header h1::before {
  content: ""; display: inline-block; width: 9px; height: 9px; margin-right: 7px; border-radius: 3px; background: var(--accent);
}
select, input, .quiet, .go {
  border: 1px solid var(--line); border-radius: 6px; background: var(--sheet); padding: 3px 8px; min-height: 28px; max-width: 100%;
}
.quiet { color: var(--muted); }
.quiet:hover, .go:hover { border-color: var(--muted); color: var(--ink); }
#health { display: flex; gap: 12px; margin-left: auto; flex-wrap: wrap; }
.dot::before, #live::before {
  content: ""; display: inline-block; width: 7px; height: 7px; border-radius: 50%; margin-right: 6px; background: var(--todo);
}
.dot[data-is="good"]::before, #live[data-is="on"]::before { background: var(--done); }
.dot[data-is="bad"] { color: var(--bad); }
.dot[data-is="bad"]::before, #live[data-is="off"]::before { background: var(--bad); }
#lost { padding: 6px 16px; background: color-mix(in srgb, var(--bad) 14%, var(--sheet)); border-bottom: 1px solid var(--line); }
.offline main { filter: grayscale(1); }

main {
  flex: 1; min-height: 0; display: grid; gap: 12px; padding: 12px 16px 16px;
  grid-template: minmax(0, 1.15fr) minmax(0, 1fr) / minmax(0, 1fr) 316px;
  grid-template-areas: "board chat" "why chat";
}
#board { grid-area: board; }
#why { grid-area: why; }
#chat { grid-area: chat; }
main > section { display: flex; flex-direction: column; min-height: 0; }
main > section:focus { outline: none; }
#columns, #trail, #messages { flex: 1; min-height: 0; }
#trail, #messages { overflow: auto; }
main h2 { padding: 0 2px 6px; }
#board > h2 { position: absolute; clip-path: inset(50%); }
.signed-out main, .signed-out #views, .signed-out #console, .signed-out #projects { display: none; }
#sign-in { display: grid; gap: 8px; width: min(360px, 92vw); margin: 12vh auto 0; padding: 22px; background: var(--sheet); border: 1px solid var(--line); border-radius: 10px; }
#sign-in h2 { font-size: 16px; }
#sign-in p { color: var(--muted); }
#sign-in #sign-in-problem:not(:empty) { color: var(--bad); }
#sign-in button { justify-self: start; padding: 4px 14px; border: 0; border-radius: 6px; min-height: 32px; background: var(--accent); color: light-dark(#fff, #0d1512); }
.trouble:not(:empty) { display: flex; gap: 10px; align-items: center; padding: 8px 12px; margin-bottom: 6px; border: 1px solid var(--bad); border-radius: 8px; background: var(--sheet); }
.trouble button { border: 1px solid var(--line); border-radius: 6px; background: none; padding: 2px 10px; }
#views { display: none; }

@media (max-width: 1080px) {
  body { height: auto; min-height: 100%; }
  main { grid-template: auto auto auto / minmax(0, 1fr); grid-template-areas: "board" "why" "chat"; }
  #trail { overflow: visible; }
  #messages { max-height: 60vh; overflow: auto; }
}
@media (max-width: 640px) {
  header { padding: 8px 12px; gap: 6px 8px; }
  header select { padding: 3px 4px; }
  #projects { max-width: 34vw; }
  #language { width: 92px; }
  #health { order: 5; margin-left: 0; flex: 1 1 50%; }
  header .pick:last-of-type { order: 6; }
  #live { margin-left: auto; font-size: 0; }
  main { display: block; padding: 10px 12px 70px; }
  main > section { display: none; }
  body[data-view="board"] #board, body[data-view="why"] #why, body[data-view="chat"] #chat { display: block; }
  #messages { max-height: none; }
  /* Smaller ones are zoomed into by iOS as soon as they are touched. */
  input { font-size: 16px; }
  #views {
    display: flex; position: fixed; inset: auto 0 0; background: var(--sheet); border-top: 1px solid var(--line);
    padding-bottom: env(safe-area-inset-bottom); z-index: 2;
  }
  body.signed-out #views { display: none; }
  #views button { flex: 1; border: 0; background: none; padding: 13px 0; color: var(--muted); }
  #views button[aria-current="true"] { color: var(--accent); font-weight: 650; box-shadow: inset 0 2px var(--accent); }
}
@media (prefers-reduced-motion: no-preference) {
  .fresh:not(.message), .message.fresh .text { animation: fresh 1.6s ease-out; }
  .found .text { animation: found 1.8s ease-out; }
  @keyframes fresh { from { background: color-mix(in srgb, var(--accent) 18%, var(--sheet)); } }
  @keyframes found { 0%, 60% { box-shadow: 0 0 0 2px var(--accent); } }
}
`;
