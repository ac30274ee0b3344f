"""Colours, type and spacing of the page. Nothing comes from other hosts: no fonts, no scripts."""

from __future__ import annotations

import gradio as gr

THEME = gr.themes.Base(
    primary_hue="teal",
    neutral_hue="slate",
    radius_size="md",
    spacing_size="sm",
    text_size="sm",
    font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
).set(body_background_fill="*neutral_50", block_shadow="none", button_large_radius="*radius_lg")
CSS = """
#heading h1 { display: inline; margin-right: 0.6rem; font-size: 1.3rem; }
#heading p { display: inline; opacity: 0.8; }
.step h3 { margin: 2px 0 0; font-weight: 600; font-size: 1rem; }
.step h3 em { font-style: normal; font-weight: 400; font-size: 0.85rem; opacity: 0.65; margin-left: 4px; }
.step h3 strong {
  display: inline-block; width: 1.5em; height: 1.5em; margin-right: 4px; border-radius: 50%; font-size: 0.85rem;
  line-height: 1.5em; text-align: center; background: var(--color-accent); color: white;
}
#status { min-height: 2.6rem; }
#status p, #consent p { opacity: 0.75; margin: 0; }
#consent { text-align: center; }
#consent p { font-size: 0.78rem; line-height: 1.2; }
/* Chips rather than boxes to tick. */
#regions .wrap { gap: 4px; }
#regions label { padding: 2px 9px; border-radius: 999px; }
#regions label span { margin-left: 0; }
#regions label.selected { background: var(--color-accent); color: white; border-color: var(--color-accent); }
#regions input { position: absolute; opacity: 0; pointer-events: none; }
#regions label:has(input:focus-visible) { outline: 2px solid var(--color-accent); outline-offset: 1px; }
#faces .wrap { gap: 4px; }
#faces label { padding: 3px 9px; }
#preview img, #preview button { cursor: pointer; }
#offers .grid-container { grid-template-columns: repeat(3, minmax(0, 1fr)) !important; }
#exemplar .thumbnail-lg { height: 196px; aspect-ratio: auto; }
/* Gradio's own words here are "Drop Media Here - or - Click to Upload". */
#exemplar [data-testid="upload-text"] { font-size: 0; }
#exemplar [data-testid="upload-text"] .or { display: none; }
#exemplar [data-testid="upload-text"]::after {
  content: "Drop one or more photos\\A of one person here";
  font-size: 1rem; line-height: 1.5; white-space: pre; text-align: center;
}
.tight { gap: 6px !important; }
/* After a mistake the sentence says it; a badge would hide the last result. */
#result [data-testid="status-tracker"]:has(.error) { display: none; }
@media (max-width: 600px) {
  #heading p { display: block; }
  #photo, #result:not(:has(img)) { height: 260px !important; }
}
"""
