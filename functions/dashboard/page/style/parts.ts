/** Cards, the trail's lines, messages. */
export const PARTS_STYLE = `
#columns { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 10px; }
.column { display: flex; flex-direction: column; background: var(--sunk); border-radius: 10px; padding: 8px 0 0; min-width: 0; min-height: 0; }
.column h3 { display: flex; align-items: center; gap: 7px; font-size: 12px; font-weight: 600; padding: 0 11px 7px; }
.column h3 i { width: 8px; height: 8px; border-radius: 50%; background: var(--todo); }
.column[data-column="in_progress"] h3 i { background: var(--in_progress); }
.column[data-column="blocked"] h3 i { background: var(--blocked); }
.column[data-column="done"] h3 i { background: var(--done); }
.column h3 b { margin-left: auto; font-weight: 500; color: var(--muted); font-variant-numeric: tabular-nums; }
.column ul { display: grid; gap: 6px; align-content: start; overflow: auto; min-height: 0; padding: 1px 8px 8px; }
.column .none { color: var(--muted); padding: 4px 3px 6px; font-size: 12.5px; }
.column.over { outline: 2px dashed var(--accent); outline-offset: -2px; }
.beyond { grid-column: 1 / -1; color: var(--muted); }

.card { position: relative; background: var(--sheet); border: 1px solid var(--line); border-radius: 8px; }
.card:hover { border-color: var(--muted); }
.card.chosen { border-color: var(--accent); box-shadow: 0 0 0 1px var(--accent); }
.card > button { display: grid; gap: 3px; width: 100%; padding: 7px 9px 8px; text-align: start; border: 0; background: none; border-radius: 8px; }
.card .out { position: absolute; top: 2px; right: 2px; width: 26px; height: 26px; display: grid; place-items: center; border-radius: 8px; text-decoration: none; color: var(--muted); opacity: 0; }
.card:hover .out, .card:focus-within .out, .out:focus { opacity: 1; }
.line { display: flex; flex-wrap: wrap; align-items: baseline; gap: 2px 8px; min-width: 0; }
.card .line { font-size: 12px; color: var(--muted); padding-right: 20px; }
.card .line > *, .key, .rule, .target, .fate, td b, .held span, .meta span { unicode-bidi: isolate; }
@media (hover: none) { .card .out { opacity: 1; } }
.card .line + .written { font-weight: 500; }
.card[data-state="done"] .written { color: var(--muted); }
.written { unicode-bidi: isolate; overflow-wrap: anywhere; }
.card .written { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden; }
.key { font-family: var(--mono); font-size: 12px; color: var(--muted); font-variant-numeric: tabular-nums; }
.priority[data-is="urgent"] { color: var(--bad); font-weight: 600; }
.priority[data-is="high"] { color: var(--warm); font-weight: 600; }
.due[data-late="yes"] { color: var(--bad); }
.who[data-agent="yes"] { color: var(--accent); }
.who[data-agent="yes"]::before { content: "◆"; font-size: 8px; vertical-align: 1px; margin-right: 4px; }
.held { color: var(--accent); }
.waits { color: var(--blocked); }

#agents { flex: none; max-height: 60%; overflow: auto; padding: 6px 2px 0; }
#agents summary { color: var(--muted); cursor: pointer; min-height: 24px; }
#agent-list { display: flex; flex-wrap: wrap; gap: 6px 20px; padding: 6px 0; }
#agent-token { display: flex; flex-wrap: wrap; align-items: center; gap: 6px; }
#agent-token input { flex: 1 1 300px; min-width: 0; font-family: var(--mono); }
#agent-once { flex-basis: 100%; color: var(--warm); }
#agent-problem { color: var(--bad); }

#why > h2 { display: inline; }
#why .hint { display: none; }
#why-of:not(:empty) { padding: 0 0 6px; }
.chip { border: 1px solid var(--accent); color: var(--accent); background: none; border-radius: 20px; padding: 1px 10px; min-height: 26px; max-width: 100%; font-size: 12.5px; text-align: start; overflow: hidden; text-overflow: ellipsis; }
#trail, #messages { background: var(--sheet); border: 1px solid var(--line); border-radius: 10px; }
table { width: 100%; border-collapse: collapse; font-size: 12.5px; }
th { position: sticky; top: 0; background: var(--sheet); text-align: start; font-weight: 500; color: var(--muted); font-size: 11.5px; padding: 7px 10px 5px; z-index: 1; box-shadow: 0 1px var(--line); }
td { padding: 5px 10px; vertical-align: baseline; border-top: 1px solid var(--line); }
tbody tr:first-child td { border-top: 0; }
tbody tr:hover { background: color-mix(in srgb, var(--accent) 5%, transparent); }
td.when, td.seen { white-space: nowrap; }
td.when { font-variant-numeric: tabular-nums; color: var(--muted); width: 1%; }
td.seen { width: 1%; }
td.what { min-width: 200px; }
td.answer { width: 428px; }
td.what b { font-weight: 600; }
td.what .written { color: var(--muted); }
button.key, .fate { border: 0; background: none; padding: 0; font-size: inherit; }
/* As tall as a finger or a trembling hand needs, in lines that stay as dense as they are. */
button.key, button.fate { padding: 4px; margin: -4px; min-height: 25px; }
.answer .line + .line { margin-top: 4px; }
button.key { font-size: 12px; color: var(--accent); }
button.key:hover, button.fate:hover { text-decoration: underline; }
b[data-event="completed"], b[data-event="unblocked"] { color: var(--done); }
b[data-event="blocked"] { color: var(--blocked); }
b[data-event="started"] { color: var(--in_progress); }
.answer .line { gap: 2px 6px; }
.arrow { color: var(--muted); }
.target { color: var(--muted); overflow-wrap: anywhere; }
.fate[data-is="delivered"] { color: var(--done); }
.fate[data-is="delivered"]::before { content: "✓ "; }
.fate[data-is="waiting"], .fate[data-is="folded"] { color: var(--warm); }
.fate[data-is="set_aside"] { color: var(--bad); }
.held { color: var(--muted); }
.more { display: block; margin: 8px auto 10px; }

#messages ol { display: grid; gap: 8px; padding: 10px; }
.message { max-width: 94%; }
.message .text {
  display: inline-block; max-width: 100%; background: var(--sunk); border-radius: 4px 12px 12px 12px; padding: 7px 11px; white-space: pre-wrap;
  overflow-wrap: anywhere; unicode-bidi: plaintext;
}
.message .meta { display: flex; gap: 0 8px; flex-wrap: wrap; font-size: 11.5px; color: var(--muted); padding: 1px 4px; }
.message .row { display: flex; flex-wrap: wrap; gap: 6px; padding: 5px 0 2px; }
.message .row button { border-color: var(--accent); color: var(--accent); overflow-wrap: anywhere; text-align: start; }
.message .row button[aria-disabled="true"] { opacity: .5; cursor: default; }
.message.mine { margin-left: auto; text-align: end; }
.message.mine .text { background: color-mix(in srgb, var(--accent) 14%, var(--sheet)); border-radius: 12px 4px 12px 12px; text-align: start; }
.message.mine .meta { justify-content: flex-end; }
.message .reply { border: 0; background: none; padding: 4px; margin: -4px 0; min-height: 25px; font-size: inherit; color: var(--accent); opacity: 0; }
.message:hover .reply, .reply:focus, .message:focus-within .reply { opacity: 1; }
@media (hover: none) { .message .reply { opacity: 1; } }
#say-to { flex-basis: 100%; }
#say { display: flex; flex-wrap: wrap; gap: 6px; padding-top: 8px; }
#say input { flex: 1; min-width: 0; }
#say > button { border: 0; border-radius: 6px; padding: 3px 12px; background: var(--accent); color: light-dark(#fff, #0d1512); }
#say > button:disabled { opacity: .5; }
#say #say-problem:not(:empty) { flex-basis: 100%; color: var(--bad); }
.message code { font-family: var(--mono); font-size: 12px; }

@media (max-width: 1080px) { #columns { grid-template-columns: repeat(2, minmax(0, 1fr)); } }
@media (max-width: 640px) {
  #say { position: sticky; bottom: calc(47px + env(safe-area-inset-bottom)); padding-bottom: 8px; background: var(--ground); }
  #columns { grid-template-columns: minmax(0, 1fr); }
  .card .out { opacity: 1; }
  table, tbody { display: block; }
  thead { position: absolute; clip-path: inset(50%); }
  tr { display: flex; flex-wrap: wrap; gap: 1px 8px; padding: 8px 11px; border-top: 1px solid var(--line); }
  tbody td, tbody td.answer { display: block; padding: 0; border: 0; width: auto; }
  tbody td.when, tbody td.seen { width: auto; }
  td.when { order: 1; }
  td.seen { order: 2; }
  tbody td.what { order: 3; width: 100%; }
  td.answer { order: 4; width: 100%; }
}
`;
