"""The style sheet of the standalone page: inline, so that the page makes no request; light and dark."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1d2530; --soft: #55606f; --line: #d9dee6; --paper: #ffffff;
  --wash: #f4f7fb; --accent: #0b5cad; --mark: #e8f1fb; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ee; --soft: #a3aebd; --line: #364152; --paper: #12171e; --wash: #1a212b;
    --accent: #7db8f5; --mark: #1c2f45; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 1.0625rem/1.65 "Charter", "Bitstream Charter", "Georgia", "DejaVu Serif", serif; }
main { max-width: 44rem; margin: 0 auto; padding: 2.5rem 1.25rem 5rem; }
h1, h2, h3, nav, summary, .label, .byline, table, .sources { font-family: system-ui, "Segoe UI", "Helvetica Neue",
  "Arial", "DejaVu Sans", sans-serif; }
h1 { font-size: clamp(1.8rem, 5vw, 2.5rem); line-height: 1.15; letter-spacing: -.015em; margin: 0 0 .5rem; }
h2 { font-size: 1.4rem; line-height: 1.25; margin: 2.75rem 0 .75rem; scroll-margin-top: 1rem; }
h3 { font-size: 1.1rem; margin: 1.75rem 0 .5rem; }
p, ul, ol { margin: 0 0 1.1rem; }
li { margin-bottom: .45rem; }
a { color: var(--accent); text-underline-offset: .15em; }
a:focus-visible, summary:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
.byline { color: var(--soft); font-size: .9rem; margin-bottom: 1.75rem; }
.answer { background: var(--mark); border-left: 4px solid var(--accent); border-radius: 0 .5rem .5rem 0;
  padding: 1.1rem 1.35rem; margin: 0 0 1.75rem; font-size: 1.1rem; }
.answer p:last-child { margin: 0; }
.label { display: block; font-size: .78rem; font-weight: 700; letter-spacing: .08em; text-transform: uppercase;
  color: var(--accent); margin-bottom: .35rem; }
nav { font-size: .95rem; border: 1px solid var(--line); border-radius: .5rem; padding: .9rem 1.25rem; }
nav ol { margin: 0; padding-left: 1.25rem; }
nav li { margin: .15rem 0; }
.editorial { color: var(--soft); font-style: italic; }
sup { line-height: 0; font-size: .72em; position: relative; margin-left: .1em; }
sup a { text-decoration: none; padding: 0 .15em; font-family: system-ui, "Arial", "DejaVu Sans", sans-serif; }
.note { display: none; position: absolute; left: 50%; bottom: 1.4em; transform: translateX(-50%); z-index: 2;
  width: max-content; max-width: min(22rem, 80vw); padding: .7rem .9rem; border: 1px solid var(--line);
  border-radius: .5rem; background: var(--paper); color: var(--ink); box-shadow: 0 8px 24px rgb(0 0 0 / .18);
  font: .875rem/1.45 system-ui, "Segoe UI", "Arial", "DejaVu Sans", sans-serif; text-align: left; }
sup:hover .note, sup:focus-within .note { display: block; }
.note .from { display: block; margin-top: .4rem; color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .95rem; line-height: 1.45; margin: 0 0 1.25rem; }
th, td { text-align: left; vertical-align: top; padding: .6rem .75rem; border-bottom: 1px solid var(--line); }
th { font-size: .8rem; color: var(--soft); text-transform: uppercase; letter-spacing: .05em; }
td:first-child { font-weight: 700; white-space: nowrap; font-variant-numeric: tabular-nums; }
.steps > li { padding-left: .35rem; margin-bottom: .7rem; }
.steps > li::marker { font-weight: 700; color: var(--accent); }
details { border-bottom: 1px solid var(--line); padding: .7rem 0; }
summary { cursor: pointer; font-weight: 600; }
details p { margin: .6rem 0 .2rem; }
.cta { background: var(--wash); border-radius: .5rem; padding: 1rem 1.25rem; margin: 2.5rem 0; }
.sources { font-size: .92rem; }
.sources > li { margin-bottom: 1.2rem; scroll-margin-top: 1rem; }
.sources > li:target { background: var(--mark); outline: .4rem solid var(--mark); border-radius: .2rem; }
.sources ul { margin: .35rem 0; padding-left: 1.1rem; }
.sources details { border: 0; padding: .2rem 0; }
.sources summary { font-weight: 400; color: var(--soft); }
.back { color: var(--soft); overflow-wrap: anywhere; }
blockquote { margin: .5rem 0; padding-left: .9rem; border-left: 3px solid var(--line); color: var(--soft); }
footer { color: var(--soft); font-size: .85rem; border-top: 1px solid var(--line); margin-top: 3rem; padding-top: 1rem; }
@media (max-width: 34rem) { .note { position: fixed; left: 1rem; right: 1rem; bottom: 1rem; width: auto;
  max-width: none; transform: none; } }
@media print { nav, .note { display: none !important; } body { font-size: 11pt; } a { color: inherit; } }
"""
