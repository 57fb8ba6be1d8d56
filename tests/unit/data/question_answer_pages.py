"""One question in every form in which web pages hold questions and answers; used by the tests and the extraction
benchmark.
"""

from __future__ import annotations

import json

STEPS = ["Open Settings.", "Tap Wi-Fi.", "Choose your network."]
OL = (
    "<ol><li>Open <b>Settings</b>.</li><li>Tap <span class=ui>Wi-Fi</span>.</li><li><p>Choose your"
    " network.</p></li></ol>"
)
QUESTION = "How do I join a network?"


def json_ld(thing: object) -> str:
    return (
        "<html lang=en><script"
        f' type="application/ld+json">{json.dumps(thing)}</script><body><h1>Help</h1><p>Welcome.</p>'
    )


def answer(text: str, votes: int | None = None) -> dict[str, object]:
    return {"@type": "Answer", "text": text, **({} if votes is None else {"upvoteCount": votes})}


NAMED = {"@type": "Question", "name": QUESTION}
PAGES = {
    "JSON-LD FAQPage": json_ld(
        {"@context": "https://schema.org", "@type": "FAQPage", "mainEntity": [{**NAMED, "acceptedAnswer": answer(OL)}]}
    ),
    "JSON-LD in a graph": json_ld(
        {
            "@graph": [
                {"@type": "WebSite"},
                {"@type": ["FAQPage"], "mainEntity": {**NAMED, "acceptedAnswer": [answer(OL)]}},
            ]
        }
    ),
    "JSON-LD typed numbers": json_ld(
        {
            "@type": "FAQPage",
            "mainEntity": {
                **NAMED,
                "acceptedAnswer": answer("1. Open Settings.<br>2. Tap Wi-Fi.<br>3. Choose your network."),
            },
        }
    ),
    "JSON-LD plain text": json_ld(
        {
            "@type": "FAQPage",
            "mainEntity": {
                **NAMED,
                "acceptedAnswer": answer("1) Open Settings.\n2) Tap Wi-Fi.\n3) Choose your network."),
            },
        }
    ),
    "JSON-LD QAPage, most votes": json_ld(
        {
            "@type": "QAPage",
            "mainEntity": {**NAMED, "suggestedAnswer": [answer("Restart.", 2), answer(OL, 9), answer("No.", 1)]},
        }
    ),
    "JSON-LD HowTo": json_ld(
        {
            "@type": "HowTo",
            "name": QUESTION,
            "step": [{"@type": "HowToStep", "name": "x", "text": text} for text in STEPS],
        }
    ),
    "JSON-LD HowTo in sections": json_ld(
        {
            "@type": "HowTo",
            "name": QUESTION,
            "step": [
                {"@type": "HowToSection", "itemListElement": [STEPS[0], {"@type": "HowToStep", "name": STEPS[1]}]},
                {"@type": "HowToStep", "itemListElement": [{"@type": "HowToDirection", "text": STEPS[2]}]},
            ],
        }
    ),
    "microdata FAQPage": (
        f"""<div itemscope itemtype="https://schema.org/FAQPage"><h1>FAQ</h1>\
<div itemprop=mainEntity itemscope itemtype="https://schema.org/Question">
        <div itemprop=name>{QUESTION}</div><div itemprop=acceptedAnswer itemscope\
 itemtype="https://schema.org/Answer"><div itemprop=text>{OL}</div></div></div></div>"""
    ),
    "microdata QAPage": (
        f"""<div itemscope itemtype="http://schema.org/Question"><h1 itemprop=name>{QUESTION}</h1><div itemprop=text>\
<ol><li>I tried.<li>It failed.</ol></div>
        <div itemprop="suggestedAnswer" itemscope><span itemprop=upvoteCount>3</span>\
<div itemprop=text>Restart it.</div></div>
        <div itemprop="suggestedAnswer acceptedAnswer" itemscope><span itemprop=upvoteCount content=1></span>\
<div itemprop=text>{OL}</div></div></div>"""
    ),
    "microdata HowTo": (
        f'<div itemscope itemtype="https://schema.org/HowTo"><h2 itemprop=name>{QUESTION}</h2>'
        + "".join(f"<div itemprop=step itemscope><b>Step</b> <span itemprop=text>{text}</span></div>" for text in STEPS)
        + "</div>"
    ),
    "details": f"<h1>Help</h1><details><summary>{QUESTION}</summary><div>{OL}</div></details>",
    "dl": f"<h1>Help</h1><dl><dt>What is Wi-Fi?</dt><dd>Radio.</dd><dt>{QUESTION}</dt><dd>{OL}</dd></dl>",
    "accordion, button and hidden panel": (
        f"<h1>Help</h1><div><button aria-expanded=false aria-controls=p1>{QUESTION}</button><div id=p1"
        f" hidden>{OL}</div></div>"
    ),
    "accordion, heading with button": (
        f"<h1>Help</h1><h3><button aria-controls=p1>{QUESTION}</button></h3><div id=p1 hidden role=region>{OL}</div>"
    ),
    "accordion, Bootstrap": (
        f'<h1>Help</h1><div class=card><a data-toggle=collapse href="#c1">{QUESTION}</a><div id=c1'
        f' class="collapse">{OL}</div></div>'
    ),
    "accordion, classes": (
        f'<h1>Help</h1><div class=faq-item><div class="faq-question">{QUESTION}</div><div'
        f' class="faq-answer">{OL}</div></div>'
    ),
    "accordion, label and checkbox": (
        f"<h1>Help</h1><input type=checkbox id=q1><label for=q1>{QUESTION}</label><div>{OL}</div>"
    ),
    "forum, accepted": (
        f"""<h1 class="thread-title">{QUESTION}</h1><div class="post">I tried this:<ol>\
<li>Nothing.<li>More of nothing.</ol></div>
        <div class="post"><div class="post-body"><ol><li>Buy another.<li>Throw it away.</ol></div></div>
        <div class="post accepted-answer"><div class="author">anna</div><div class="post-body">\
<p>Do this:</p>{OL}</div></div>"""
    ),
    "forum, most votes": (
        f"""<h1>{QUESTION}</h1><div class="answer" data-score="2"><ol><li>Buy another.<li>Throw it away.</ol></div>
        <div class="answer" data-score="11"><div class="s-prose">{OL}</div></div>"""
    ),
    "heading and list": f"<h2>{QUESTION}</h2><p>Easy:</p>{OL}",
    "heading and bullets that instruct": f"<h2>{QUESTION}</h2>{OL.replace('ol>', 'ul>')}",
    "paragraphs with typed numbers": (
        f"<h2>{QUESTION}</h2><p>1. Open Settings.</p><p><b>2.</b> Tap Wi-Fi.</p><p>3) Choose your network.</p>"
    ),
    "typed numbers and line breaks": (
        f"<html><body><main><h2>{QUESTION}</h2><div>1. Open Settings.<br>2. Tap Wi-Fi.<br>3. Choose your"
        " network.</div></main>"
    ),
    "step headings": (
        f"<h1>{QUESTION}</h1><h2>Step 1: Open Settings.</h2><h2>Step 2</h2><p>Tap Wi-Fi.</p><h2>Step 3: Choose your"
        " network.</h2>"
    ),
    "a page without an end": (
        f"<html><body><div><h2>{QUESTION}<ol><li>Open Settings.<li>Tap Wi-Fi.<li>Choose your network"
    ),
}
