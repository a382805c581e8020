"""How pages look. A bundle has the same colour everywhere, on every page."""

STYLE = """
:root {
  --paper: #fcfcfb; --ink: #16161a; --faint: #5d5c58; --line: #e4e3df; --track: #f1f0ed;
  --qualities: #2a78d6; --bases: #eb6834; --names: #1baf7a; --tags: #6a5acd; --core: #eda100;
  --mates: #e87ba4; --layout: #a14a3b; --verbatim: #008300; --framing: #a3a29c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #1a1a19; --ink: #f4f3f0; --faint: #b1afa6; --line: #383733; --track: #272725;
    --qualities: #3987e5; --bases: #d95926; --names: #199e70; --tags: #9085e9; --core: #c98500;
    --mates: #d55181; --layout: #b86a5c; --verbatim: #2f9a2f; --framing: #7d7c76;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 16px; margin: 36px 0 12px; }
.lead { color: var(--faint); margin: 0; }
header, article { padding-bottom: 40px; }
header + article, article + article { border-top: 1px solid var(--line); padding-top: 40px; }
footer { color: var(--faint); font-size: 13px; border-top: 1px solid var(--line); padding-top: 16px; }
a { color: inherit; text-decoration-color: var(--faint); text-underline-offset: 3px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { padding: 5px 14px 5px 0; text-align: left; vertical-align: middle; border-bottom: 1px solid var(--line); }
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--faint); font-weight: 400; font-size: 13px; white-space: nowrap; }
tbody th { font-weight: 500; white-space: nowrap; }
.overview tbody th { white-space: normal; overflow-wrap: anywhere; min-width: 160px; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.word { color: var(--faint); }
.streams .word { font-size: 13px; }
.picture { width: 34%; min-width: 140px; }
.bar { display: block; height: 12px; min-width: 1px; border-radius: 0 3px 3px 0; }
.stack { display: flex; gap: 2px; height: 28px; margin-bottom: 12px; border-radius: 4px; overflow: hidden;
  background: var(--track); }
.overview .stack { height: 14px; margin: 0; }
.stack span { flex-basis: 0; min-width: 1px; }
.swatch { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 8px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 20px; list-style: none; margin: 20px 0 12px; padding: 0;
  font-size: 14px; }
.of-qualities { background: var(--qualities); }
.of-bases { background: var(--bases); }
.of-names { background: var(--names); }
.of-tags { background: var(--tags); }
.of-core { background: var(--core); }
.of-mates { background: var(--mates); }
.of-layout { background: var(--layout); }
.of-verbatim { background: var(--verbatim); }
.of-framing { background: var(--framing); }
dl { margin: 0; font-size: 14px; }
dl div { display: flex; gap: 16px; padding: 4px 0; border-bottom: 1px solid var(--line); }
dt { flex: 0 0 130px; color: var(--faint); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
@media (max-width: 720px) {
  main { padding: 24px 16px 48px; }
  .bundles .word, .streams .word { display: none; }
  .picture { width: 25%; min-width: 72px; }
  dt { flex-basis: 96px; }
}
@media print {
  main { max-width: none; padding: 0; }
  article + article { break-before: page; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
