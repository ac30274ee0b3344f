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
)
CSS = """
.gradio-container { max-width: 1400px !important; margin: 0 auto !important; padding-top: 0 !important; }
.gradio-container > main { padding-top: 8px !important; padding-bottom: 4px !important; }
footer { margin-top: 2px !important; }
#heading h1 { display: inline; margin-right: 0.6rem; font-size: 1.3rem; }
#heading p { display: inline; opacity: 0.8; }
.step h3 { margin: 2px 0 0; font-weight: 600; font-size: 1rem; }
#status { min-height: 2.6rem; }
#status p, #consent p, #hint p { opacity: 0.75; margin: 0; }
#consent { text-align: center; }
#consent p { font-size: 0.78rem; line-height: 1.2; }
/* Chips rather than boxes to tick. */
#regions .wrap { gap: 4px; }
#regions label { padding: 2px 9px; border-radius: 999px; }
#regions label span { margin-left: 0; }
#regions label.selected { background: var(--color-accent); color: white; border-color: var(--color-accent); }
#regions input { display: none; }
#faces .wrap { gap: 4px; }
#faces label { padding: 3px 9px; }
#preview img, #preview button { cursor: pointer; }
.tight { gap: 6px !important; }
/* After a mistake the sentence says it; a badge would hide the last result. */
#result [data-testid="status-tracker"]:has(.error) { display: none; }
@media (max-width: 600px) {
  #heading p { display: block; }
  .gradio-container { padding-left: 8px !important; padding-right: 8px !important; }
}
"""
